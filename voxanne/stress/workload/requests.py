"""Requests as their senders write them, and what their answers say, in one vocabulary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from voxanne.stress.workload.wire import Reply

SUCCESS: Final = "SUCCESS"
INTERNAL: Final = "INTERNAL_ERROR"
BUSY: Final = "BUSY"
# An answer that leaves open whether it was done.
UNSETTLED: Final = frozenset({BUSY, INTERNAL})
RPC: Final = "/rest/v1/rpc/book_appointment_atomic"
Form = Literal["voice", "direct", "rpc", "rest"]
Subject = Literal["appointment_id", "hold_id", "waitlist_id"]


@dataclass(frozen=True, slots=True)
class Request:
    """`subject`: what a REST answer's `id` is the id of."""

    content: bytes
    form: Form
    subject: Subject = "appointment_id"


class Ids(NamedTuple):
    """Of one tool call; together they make it the same one again."""

    call: str
    tool_call: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome`: SUCCESS, a code, `HTTP <status>` where there is none, or None: no answer came.
    `told`: the answer's fields, in one spelling: appointment_id, scheduled_at, practitioner_id, …
    """

    outcome: str | None
    told: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.outcome == SUCCESS

    @property
    def settled(self) -> bool:
        """Whether the caller knows what became of it."""
        return self.outcome is not None and self.outcome not in UNSETTLED

    @property
    def appointment_id(self) -> UUID | None:
        said = self.told.get("appointment_id")
        return UUID(said) if isinstance(said, str) else None

    @property
    def version(self) -> int | None:
        said = self.told.get("version")
        return said if isinstance(said, int) else None

    @property
    def replayed(self) -> bool:
        return bool(self.told.get("replayed"))


NO_ANSWER: Final = Answer(None)


def voice(
    key: str,
    tool: str,
    arguments: Mapping[str, object],
    ids: Ids,
    caller: str | None,
    *,
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Request:
    """As Vapi sends it to an assistant's server URL."""
    function = {"name": tool, "arguments": dict(arguments)}
    customer = {"number": caller} if caller else {}
    item = {"id": ids.tool_call, "type": "function", "function": function}
    message = {
        "type": "tool-calls",
        "timestamp": 1806055800000,
        "toolCallList": [item],
        "toolWithToolCallList": [{"type": "function", "name": tool, "toolCall": item}],
        "call": {
            "id": ids.call,
            "type": "inboundPhoneCall",
            "status": "in-progress",
            "customer": customer,
            "metadata": dict(metadata or {}),
        },
        "customer": customer,
        "artifact": {"messages": [{"role": "bot", "message": "How can I help you today?"}]},
    }
    return Request(post("/api/vapi", key, {"message": message}, headers), "voice")


def direct(key: str, tool: str, arguments: Mapping[str, object], ids: Ids) -> Request:
    """The direct shape, which tells no caller."""
    body = {
        "toolCallId": ids.tool_call,
        "tool": {"name": tool, "arguments": dict(arguments)},
        "call": {"id": ids.call},
    }
    return Request(post(f"/api/vapi/tools/{tool}", key, body), "direct")


def rpc(key: str, parameters: Mapping[str, object]) -> Request:
    """As Supabase's clients call the function."""
    return Request(
        post(RPC, key, {f"p_{name}": value for name, value in parameters.items()}), "rpc"
    )


def rest(
    method: str,
    path: str,
    key: str,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    subject: Subject = "appointment_id",
) -> Request:
    return Request(_compose(method, path, key, body, headers), "rest", subject)


def raw(path: str, key: str, content: bytes, form: Form = "voice") -> Request:
    """A body that is no JSON."""
    return Request(_compose("POST", path, key, content, None), form)


def post(
    path: str, key: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> bytes:
    return _compose("POST", path, key, body, headers)


def _compose(
    method: str,
    path: str,
    key: str,
    body: Mapping[str, object] | bytes | None,
    headers: Mapping[str, str] | None,
) -> bytes:
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        f"Content-Length: {len(content)}",
    ]
    if content:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def read_answer(request: Request, reply: Reply | None) -> Answer:
    """What was said. A body that can't be read is INTERNAL_ERROR: nobody may be answered so."""
    form = request.form
    if reply is None:
        return NO_ANSWER
    if b"Traceback" in reply.body:
        return Answer(INTERNAL, {}, reply.body)
    if reply.status == 204:
        return Answer(SUCCESS)
    try:
        said = json.loads(reply.body)
    except ValueError:
        return Answer(f"HTTP {reply.status}" if reply.status < 500 else INTERNAL, {}, reply.body)
    if form in ("voice", "direct") and reply.status == 200 and isinstance(said, dict):
        said = _tool_result(form, said)
    if not isinstance(said, dict):
        return Answer(INTERNAL, {}, reply.body)
    return Answer(_outcome(reply.status, said), _spelled(said, request.subject), reply.body)


def _tool_result(form: Form, said: dict[str, Any]) -> Any:
    if form == "direct":
        return said.get("result")
    (result,) = said["results"]
    return json.loads(result.get("result") or result["error"])


def _outcome(status: int, said: Mapping[str, Any]) -> str:
    if "success" in said:
        return SUCCESS if said["success"] else str(said["error"])
    if 200 <= status < 300:
        return SUCCESS
    return str(said.get("code") or f"HTTP {status}")


_SPELLING: Final[Mapping[str, str]] = {
    "appointmentId": "appointment_id",
    "contactId": "contact_id",
    "scheduledAt": "scheduled_at",
    "endsAt": "ends_at",
    "practitioner": "practitioner_name",
    "holdId": "hold_id",
    "waitlistId": "waitlist_id",
}


def _spelled(said: dict[str, Any], subject: Subject) -> dict[str, Any]:
    told = {_SPELLING.get(name, name): value for name, value in said.items() if name != "message"}
    if "id" in told:
        told[subject] = told.pop("id")
    return told

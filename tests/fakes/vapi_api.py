"""Vapi's REST API as a push meets it: tools and assistants that are kept, over real HTTP.

It refuses what Vapi refuses: fields it doesn't know, a `type` in a tool's PATCH, names, lengths and
ranges out of bounds, ids of tools that don't exist. Like Vapi it replaces whole what a PATCH names.
No test in here.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

Json = dict[str, Any]

KEY = "a-private-key-at-the-platform"
ACCOUNT = "acc0acc0-0000-4000-8000-000000000001"
TOOL_FIELDS = {"type", "async", "function", "server", "messages", "parameters", "rejectionPlan"}
TOOL_FIELDS |= {"destinations"}
ASSISTANT_FIELDS = {"name", "firstMessage", "model", "voice", "transcriber", "server", "metadata"}
ASSISTANT_FIELDS |= {"serverMessages", "artifactPlan", "maxDurationSeconds", "endCallMessage"}
SERVER_FIELDS = {"url", "timeoutSeconds", "credentialId", "headers", "backoffPlan"}
MODEL_FIELDS = {"provider", "model", "messages", "toolIds", "tools", "toolRefs", "temperature"}
MODEL_FIELDS |= {"maxTokens", "emotionRecognitionEnabled"}
MESSAGE_TYPES = {"request-start", "request-complete", "request-failed", "request-response-delayed"}
SERVER_MESSAGES = {
    "assistant.started",
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "handoff-destination-request",
    "hang",
    "language-change-detected",
    "phone-call-control",
    "speech-update",
    "status-update",
    "tool-calls",
    "transcript",
    "transfer-destination-request",
    "transfer-update",
    "user-interrupted",
}
PLAIN_TYPES = {"string", "number", "integer", "boolean"}


@dataclass
class Fault:
    """What one request gets for an answer; `carried_out`: the change is made all the same."""

    status: int
    carried_out: bool = False


@dataclass
class FakeVapi:
    """One account. `requests` are those that carried the key, as (method, path, body)."""

    tools: dict[str, Json] = field(default_factory=dict)
    assistants: dict[str, Json] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[tuple[str, str, Json | None]] = field(default_factory=list)
    url: str = ""
    _made: int = 0

    @property
    def changes(self) -> list[tuple[str, str, Json | None]]:
        return [request for request in self.requests if request[0] != "GET"]

    def fail(self, method: str, *faults: Fault) -> None:
        """The next requests of this method meet these, one each."""
        self.faults.setdefault(method, []).extend(faults)

    def add(self, kind: str, body: Json) -> str:
        """Keep an object as if made in the dashboard; nothing is checked."""
        self._made += 1
        moment = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self._made)).isoformat()
        id_ = str(uuid4())
        self._kept(kind)[id_] = {
            **body,
            "id": id_,
            "orgId": ACCOUNT,
            "createdAt": moment,
            "updatedAt": moment,
        }
        return id_

    def answer(self, method: str, target: str, body: Json | None) -> tuple[int, object]:
        parts = urlsplit(target)
        self.requests.append((method, parts.path, body))
        fault = next(iter(self.faults.get(method, ())), None)
        if fault is not None:
            self.faults[method].pop(0)
            if not fault.carried_out:
                return fault.status, {"message": "Try again", "statusCode": fault.status}
        status, answer = self._carried_out(method, parts.path, parse_qs(parts.query), body)
        return (fault.status, {"message": "Bad gateway"}) if fault else (status, answer)

    def _carried_out(
        self, method: str, path: str, query: dict[str, list[str]], body: Json | None
    ) -> tuple[int, object]:
        kind, _, id_ = path.strip("/").partition("/")
        if kind not in ("tool", "assistant") or (id_ and id_ not in self._kept(kind)):
            return 404, _refused(404, "Not Found")
        kept = self._kept(kind)
        match method, bool(id_):
            case "GET", True:
                return 200, kept[id_]
            case "GET", False:
                return 200, self._page(kind, query)
            case "POST", False:
                problems = self._problems(kind, body or {}, is_new=True)
                if problems:
                    return 400, _refused(400, problems)
                return 201, kept[self.add(kind, body or {})]
            case "PATCH", True:
                problems = self._problems(kind, body or {}, is_new=False)
                if problems:
                    return 400, _refused(400, problems)
                kept[id_] |= body or {}
                return 200, kept[id_]
        return 404, _refused(404, f"Cannot {method} {path}")

    def _page(self, kind: str, query: dict[str, list[str]]) -> list[Json]:
        """Newest first; at most `limit`, and only what is older than `createdAtLt`."""
        limit = int(query.get("limit", ["100"])[0])
        before = query.get("createdAtLt", ["9999"])[0]
        listed = [one for one in self._kept(kind).values() if one["createdAt"] < before]
        return sorted(listed, key=lambda one: one["createdAt"], reverse=True)[:limit]

    def _kept(self, kind: str) -> dict[str, Json]:
        return self.tools if kind == "tool" else self.assistants

    def _problems(self, kind: str, body: Json, *, is_new: bool) -> list[str]:
        if kind == "tool":
            return list(tool_problems(body, is_new=is_new))
        return [*assistant_problems(body, is_new=is_new), *self._missing_tools(body)]

    def _missing_tools(self, body: Json) -> list[str]:
        ids = body.get("model", {}).get("toolIds", [])
        return [f"Tool {id_} does not exist" for id_ in ids if id_ not in self.tools]


def tool_problems(body: Json, *, is_new: bool, inline: bool = False) -> Iterator[str]:
    fields = TOOL_FIELDS if is_new else TOOL_FIELDS - {"type"}
    yield from _unknown(body, fields)
    if is_new and body.get("type") not in ("function", "transferCall"):
        yield "type must be one of the following values: function, transferCall"
    function = body.get("function")
    if function is not None:
        yield from _unknown(function, {"name", "description", "parameters", "strict"})
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
            yield "function.name must match ^[a-zA-Z0-9_-]{1,64}$"
        if not 0 < len(function["description"]) < 1_000:
            yield "function.description must be shorter than 1000 characters"
        yield from _parameters_problems(function["parameters"])
    elif is_new and body.get("type") == "function" and not inline:
        yield "function should not be empty"
    yield from _server_problems(body.get("server", {}))
    for message in body.get("messages", []):
        if message["type"] not in MESSAGE_TYPES or not message.get("content"):
            yield "messages.type must be one of the known ones, with content"


def assistant_problems(body: Json, *, is_new: bool) -> Iterator[str]:
    yield from _unknown(body, ASSISTANT_FIELDS)
    if len(body.get("name", "")) > 40:
        yield "name must be shorter than or equal to 40 characters"
    model = body.get("model")
    if model is not None:
        yield from _unknown(model, MODEL_FIELDS)
        if not model.get("provider") or not model.get("model"):
            yield "model.provider and model.model should not be empty"
        for message in model.get("messages", []):
            if message["role"] not in ("system", "assistant", "user") or not message["content"]:
                yield "model.messages must have a role and content"
        for tool in model.get("tools", []):
            yield from tool_problems(tool, is_new=True, inline=True)
    yield from _server_problems(body.get("server", {}))
    for name in body.get("serverMessages", []):
        if name not in SERVER_MESSAGES:
            yield f"each value in serverMessages must be a known one: {name}"


def _parameters_problems(parameters: Json) -> Iterator[str]:
    yield from _unknown(parameters, {"type", "properties", "required", "additionalProperties"})
    if parameters["type"] != "object" or parameters["additionalProperties"] is not False:
        yield "function.parameters must be an object without additional properties"
    if not set(parameters.get("required", [])) <= parameters["properties"].keys():
        yield "function.parameters.required must name properties"
    for name, schema in parameters["properties"].items():
        if schema["type"] not in PLAIN_TYPES or not schema["description"]:
            yield f"function.parameters.properties.{name} must be plain, with a description"


def _server_problems(server: Json) -> Iterator[str]:
    yield from _unknown(server, SERVER_FIELDS)
    if server and not server["url"].startswith("https://"):
        yield "server.url must be a URL address"
    if not 1 <= server.get("timeoutSeconds", 20) <= 300:
        yield "server.timeoutSeconds must be from 1 to 300"
    plan = server.get("backoffPlan", {"type": "fixed", "maxRetries": 0, "baseDelaySeconds": 0})
    if plan["type"] not in ("fixed", "exponential") or not 0 <= plan["maxRetries"] <= 10:
        yield "server.backoffPlan must be fixed or exponential, with at most 10 retries"
    if not 0 <= plan["baseDelaySeconds"] <= 10:
        yield "server.backoffPlan.baseDelaySeconds must be from 0 to 10"


def _unknown(body: Json, fields: set[str]) -> Iterator[str]:
    yield from (f"property {name} should not exist" for name in body.keys() - fields)


def _refused(status: int, message: object) -> Json:
    return {"message": message, "error": "Refused", "statusCode": status}


@contextmanager
def fake_vapi() -> Iterator[FakeVapi]:
    """An account that is served on 127.0.0.1 while it lasts."""
    account = FakeVapi()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if self.headers.get("authorization") != f"Bearer {KEY}":
                status: int = 401
                answer: object = _refused(401, "Invalid Key")
            else:
                with lock:
                    status, answer = account.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            if status == 429 or status >= 500:
                self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

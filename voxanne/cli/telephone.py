"""The voice platform's side of a call, and how a call is shown on a terminal."""

import json
import re
import shutil
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import click
import httpx2
from rich.console import Console
from rich.text import Text

# As long as the platform waits, unless told otherwise.
WAIT_SECONDS_MAX = 20
COLUMNS, COLUMNS_MAX = 80, 100
LABEL_COLUMNS = 10
STYLES = {"Caller": "cyan", "Agent": "cyan"}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Json = dict[str, Any]


class CallError(click.ClickException):
    """The instance doesn't answer as it should; the message says how."""


class Answer(NamedTuple):
    """What one tool call is answered with. `is_error`: not by an outcome the agent can act on."""

    tool_call_id: str
    result: Json
    is_error: bool

    @property
    def outcome(self) -> str:
        return "success" if self.result["success"] else str(self.result["error"])


@dataclass(slots=True)
class PhoneCall:
    """One call, as the platform reports it. `http` knows the instance and shows the clinic's key.

    `number` is the caller's, None when withheld; `language` a BCP 47 tag the platform reports.
    Every method raises CallError when the instance doesn't answer or refuses the key.
    """

    http: httpx2.AsyncClient
    number: str | None
    language: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    tool_calls: int = 0

    @property
    def described(self) -> Json:
        """`call`, as every message carries it."""
        customer = {"number": self.number} if self.number else {}
        described: Json = {"id": self.id, "type": "inboundPhoneCall", "customer": customer}
        if self.language:
            described["assistantOverrides"] = {"transcriber": {"language": self.language}}
        return described

    async def use(self, tool: str, arguments: Mapping[str, object]) -> Answer:
        self.tool_calls += 1
        function = {"name": tool, "arguments": dict(arguments)}
        made = {"id": f"call_{self.tool_calls}", "type": "function", "function": function}
        reply = await self._post(f"/api/vapi/tools/{tool}", "tool-calls", toolCallList=[made])
        try:
            (entry,) = reply["results"]
            is_error = "error" in entry
            return Answer(
                entry["toolCallId"], json.loads(entry["error" if is_error else "result"]), is_error
            )
        except (KeyError, TypeError, ValueError):
            raise self._strange(json.dumps(reply)) from None

    async def begin(self) -> str | None:
        """Ask which assistant answers. What it says first; None where the platform knows that."""
        reply = await self._post("/api/vapi", "assistant-request")
        greeting = reply.get("error") or reply.get("assistant", {}).get("firstMessage")
        return None if greeting is None else str(greeting)

    async def hang_up(self) -> None:
        """The end-of-call report, which releases what the call holds."""
        reply = await self._post(
            "/api/vapi",
            "end-of-call-report",
            endedReason="customer-ended-call",
            artifact={"messages": []},
            analysis={},
        )
        if reply:
            raise self._strange(json.dumps(reply))

    async def _post(self, path: str, kind: str, **fields: object) -> Json:
        sent_at_ms = int(time.time() * 1000)
        message = {"type": kind, "timestamp": sent_at_ms, "call": self.described, **fields}
        try:
            reply = await self.http.post(path, json={"message": message})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise CallError(
                f"Nothing answers at {self.http.base_url} ({why}). Is `voxanne serve` up?"
            ) from None
        if reply.status_code == 401:
            raise CallError(
                f"{self.http.base_url} doesn't know this clinic's key. If it runs on another "
                "database, give --key-file."
            )
        try:
            answered: Json = reply.json()
        except ValueError:
            raise self._strange(reply.text) from None
        if reply.status_code != 200 or not isinstance(answered, dict):
            raise self._strange(reply.text)
        return answered

    def _strange(self, reply: str) -> CallError:
        shown = " ".join(reply.split())[:200]
        return CallError(f"{self.http.base_url} doesn't answer as the voice endpoint does: {shown}")


class Transcript:
    """Who said what and what was sent, in lines of the terminal's width; coloured only there.

    Of an answer's lists only the first element is shown. `short_ids`: and of an id its beginning.
    """

    def __init__(self, *, short_ids: bool = False) -> None:
        self.screen = Console(highlight=False)
        width = shutil.get_terminal_size().columns if self.screen.is_terminal else COLUMNS
        self.columns = min(width, COLUMNS_MAX)
        self.short_ids = short_ids

    def title(self, text: str) -> None:
        self.screen.print(Text(f"\n{text}\n", "bold"), soft_wrap=True)

    def line(self, label: str, text: str) -> None:
        """One line, or as many as it takes: the label stands before the first."""
        lines = textwrap.wrap(
            text,
            max(20, self.columns - LABEL_COLUMNS - 1),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, part in enumerate(lines or [""]):
            before = f"  {'' if number else label:<{LABEL_COLUMNS - 2}}"
            shown = Text.assemble((before, STYLES.get(label, "dim")), part)
            self.screen.print(shown, soft_wrap=True)

    def tool_call(
        self, tool: str, arguments: Mapping[str, object], answer: Answer, label: str = "tool"
    ) -> None:
        """What was sent and answered; the answer's message is what the agent says."""
        result = {name: value for name, value in answer.result.items() if name != "message"}
        self.line(label, f"{tool} {self.json(dict(arguments))}")
        self.line("error" if answer.is_error else "answer", self.json(result))
        self.line("Agent", str(answer.result["message"]))

    def json(self, value: Json) -> str:
        return json.dumps(self._abridged(value), ensure_ascii=False)

    def _abridged(self, value: object) -> object:
        if isinstance(value, dict):
            return {name: self._abridged(element) for name, element in value.items()}
        if isinstance(value, list):
            others = [f"… {len(value) - 1} more"] if len(value) > 1 else []
            return [self._abridged(element) for element in value[:1]] + others
        if self.short_ids and isinstance(value, str) and _ID.fullmatch(value):
            return f"{value[:8]}…"
        return value

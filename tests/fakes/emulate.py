"""`emulate` 0.12.2 (npm): a stand-in of Twilio that other people wrote. No test in here.

What the stand-in lacks: a bad number's real code, opt-outs, 429, states that advance by themselves;
its pages forget the filters; past 5,000 requests an hour it answers 403. Faults are put in front of
it (fault_proxy.py).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx2
import pytest

from tests.fakes.node import MissingError, NodeProgram

SOURCES = Path(__file__).parent / "emulate_node"


@dataclass
class Emulate:
    """One running service, seeded. Use as a context; raises MissingError."""

    service: str
    seed: Mapping[str, Any]
    url: str = ""
    _program: NodeProgram = field(init=False)

    def __post_init__(self) -> None:
        seed = json.dumps({self.service: self.seed})
        self._program = NodeProgram(SOURCES, (self.service, seed))

    def __enter__(self) -> Self:
        self._program.__enter__()
        self.url = self._program.read_line().replace("localhost", "127.0.0.1")
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def reset(self) -> None:
        """As it was when it started."""
        assert self._program.ask("reset") == "done"


@dataclass
class Twilio:
    """An account at the stand-in, as its owner sees it."""

    url: str
    account_sid: str
    token: str
    number: str
    http: httpx2.AsyncClient = field(default_factory=httpx2.AsyncClient)

    async def messages(self) -> list[dict[str, Any]]:
        """All there are, oldest first."""
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages.json?PageSize=1000"
        answer = await self.http.get(self.url + path, auth=(self.account_sid, self.token))
        listed: list[dict[str, Any]] = answer.json()["messages"]
        return listed[::-1]

    async def send(self, number: str, body: str) -> None:
        """Somebody else sends by this account."""
        done = await self.http.post(
            f"{self.url}/2010-04-01/Accounts/{self.account_sid}/Messages.json",
            auth=(self.account_sid, self.token),
            data={"To": number, "From": self.number, "Body": body},
        )
        assert done.status_code == 201, done.text

    async def tell_status(self, sid: str, status: str) -> None:
        """It got so far: the status callback is called, signed, before this returns."""
        await self._simulate("message-status", {"MessageSid": sid, "Status": status})

    async def text(self, number: str, body: str) -> None:
        """A patient texts our number: the callback is called, signed, before this returns."""
        await self._simulate("inbound-message", {"To": self.number, "From": number, "Body": body})

    async def set_callback(self, url: str) -> None:
        """Where messages to our number are passed on to."""
        numbers = f"{self.url}/2010-04-01/Accounts/{self.account_sid}/IncomingPhoneNumbers"
        auth = (self.account_sid, self.token)
        listed = (await self.http.get(f"{numbers}.json", auth=auth)).json()
        [sid] = [
            each["sid"]
            for each in listed["incoming_phone_numbers"]
            if each["phone_number"] == self.number
        ]
        done = await self.http.post(f"{numbers}/{sid}.json", auth=auth, data={"SmsUrl": url})
        assert done.status_code == 200, done.text

    async def _simulate(self, what: str, form: dict[str, str]) -> None:
        done = await self.http.post(
            f"{self.url}/_twilio/simulate/{what}",
            auth=(self.account_sid, self.token),
            content=urlencode(form),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert done.status_code in (200, 201), done.text


def running_or_skipped(service: str, seed: Mapping[str, Any]) -> Iterator[Emulate]:
    """What a fixture yields from: the stand-in, or the test is skipped with the reason."""
    try:
        with Emulate(service, seed) as running:
            yield running
    except MissingError as error:
        pytest.skip(str(error))

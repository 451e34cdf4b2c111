"""A clinic's own system that is told by webhooks, and a clinic that tells it. No test in here."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

import httpx2
from standardwebhooks import Webhook, WebhookVerificationError

from tests.database import Database
from tests.integration.clinics import NOW, Api, Json, running_api
from tests.integration.v1_requests import Client, client
from voxanne.deliveries.webhooks import WebhookSender, open_webhook_client
from voxanne.outbox.webhooks import queue_messages
from voxanne.outbox.worker import Limits, Worker


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Json:
        parsed: Json = json.loads(self.body)
        return parsed

    def verify(self, *secrets: str) -> None:
        """By the library that receivers use. Raises WebhookVerificationError for any that fails."""
        for secret in secrets:
            Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """HTTP on 127.0.0.1: keeps what it gets and answers 200, or what `answers` has next. With
    `secret` it answers 401 to what isn't signed with it.
    """

    received: list[Received] = field(default_factory=list)
    answers: deque[tuple[int, Mapping[str, str]]] = field(default_factory=deque)
    secret: str | None = None
    body: bytes = b""
    port: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def types(self) -> list[str]:
        return [one.json["type"] for one in self.received]

    def answer(self, status: int, times: int = 1, /, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.extend([(status, named)] * times)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                received = await self._read(reader)
                self.received.append(received)
                status, headers = self._answer(received)
                body = self.body
                lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
                if received.headers.get("connection") == "close":
                    break
        self._connections.discard(writer)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(first.split(" ")[1], headers, body)

    def _answer(self, received: Received) -> tuple[int, Mapping[str, str]]:
        if self.secret is not None:
            try:
                received.verify(self.secret)
            except WebhookVerificationError:
                return 401, {}
        return self.answers.popleft() if self.answers else (200, {})


@dataclass
class Telling:
    """A clinic whose events go to a receiver, by a worker that works when it is told to."""

    api: Api
    staff: Client
    worker: Worker
    receiver: Receiver
    sender: WebhookSender

    async def add(self, *types: str, url: str | None = None) -> Json:
        """A webhook, with its secret."""
        # It is told of all that began after whatever is still open.
        await self.api.database.others_are_done()
        body = {"url": url or self.receiver.url, "types": list(types)}
        return await self.staff.post("webhooks", body)

    async def work(self) -> int:
        """All that is due now. How many attempts that took."""
        await self.api.database.others_are_done()
        await queue_messages(self.api.pool)
        return await self.worker.drain()

    async def later(self, **passed: float) -> datetime:
        """The database's clock, so far after NOW."""
        moment = NOW + timedelta(**passed)
        await self.api.database.set_clock(moment)
        return moment

    async def messages(self, webhook: Json, **query: Any) -> list[Json]:
        found = await self.staff.get(f"webhooks/{webhook['id']}/messages", **query)
        items: list[Json] = found["items"]
        return items

    async def webhook(self, webhook: Json) -> Json:
        return await self.staff.get(f"webhooks/{webhook['id']}")

    def clock(self, offset: timedelta) -> "Telling":
        """The same, with a sender whose clock is so far off."""
        sender = replace(self.sender, clock=lambda: datetime.now().astimezone() + offset)
        return replace(self, sender=sender, worker=_worker(self.api, sender))


def _worker(api: Api, sender: WebhookSender, limits: Limits | None = None) -> Worker:
    return Worker(api.pool, {"webhook": sender}, limits or Limits())


@contextlib.asynccontextmanager
async def telling(
    database: Database, limits: Limits | None = None, http: httpx2.AsyncClient | None = None
) -> AsyncIterator[Telling]:
    """A clinic of its own and its receiver; private addresses are allowed, as it is on one."""
    async with (
        running_api(database, webhook_private_addresses=True) as api,
        Receiver() as receiver,
        http or open_webhook_client(private_addresses=True) as opened,
    ):
        sender = WebhookSender(api.pool, api.fernet, opened)
        staff = await client(api)
        yield Telling(api, staff, _worker(api, sender, limits), receiver, sender)

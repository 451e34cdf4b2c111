"""A vendor of messages over real HTTP, and a worker process that hands messages to it. No test in
here.

It gives out no idempotency: what is posted twice is there twice. It can be asked what it has.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from voxanne.outbox.types import Delivered, Delivery, Result, Retry, Sent
from voxanne.outbox.worker import Limits, Worker
from voxanne.postgres.pool import Pool, open_pool


@dataclass
class MessageVendor:
    """What it was given, in order, and what it was asked for."""

    messages: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            if method == "POST":
                self.messages.append(path)
            else:
                self.asked.append(path)
            status = "200 OK" if path in self.messages else "404 Not Found"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


@contextlib.asynccontextmanager
async def running_vendor() -> AsyncIterator[MessageVendor]:
    vendor = MessageVendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.port = server.sockets[0].getsockname()[1]
    async with server:
        yield vendor


@dataclass
class VendorSender:
    """Hands deliveries to it, and asks it."""

    url: str

    async def send(self, delivery: Delivery) -> Result:
        async with httpx2.AsyncClient(trust_env=False) as http:
            reply = await http.post(self._address(delivery))
        if reply.status_code != 200:
            return Retry("refused", "It was refused.")
        return Sent(str(delivery.attempt))

    async def look_up(self, delivery: Delivery) -> Result | None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            reply = await http.get(self._address(delivery))
        return Delivered("found") if reply.status_code == 200 else None

    def _address(self, delivery: Delivery) -> str:
        return f"{self.url}/{delivery.subject_id}/{delivery.kind}/{delivery.version}"


async def open_worker_pool(url: str) -> Pool:
    return await open_pool(url, size=4, wait_ms=10_000, statement_cache_size=100, step_down=True)


async def work(database_url: str, vendor_url: str) -> None:
    """Until killed."""
    pool = await open_worker_pool(database_url)
    worker = Worker(pool, {"sms": VendorSender(vendor_url)}, Limits(poll_seconds=0.02))
    await worker.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))

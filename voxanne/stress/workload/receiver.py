"""Where the clinics' webhooks go: a receiver on loopback that remembers what it has had."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from voxanne.stress.workload.wire import HOST

_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class Receiver:
    """`received`: ids of messages. `repeated`: how often one came that was there already, which the
    scheme allows.
    """

    port: int = 0
    received: set[UUID] = field(default_factory=set)
    repeated: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length, message = 0, None
                for line in head.split(b"\r\n"):
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                    elif name.lower() == b"webhook-id":
                        message = UUID(value.strip().decode().removeprefix("msg_"))
                await reader.readexactly(length)
                if message is not None:
                    self.repeated += message in self.received
                    self.received.add(message)
                writer.write(_ANSWER)
        writer.close()


@contextlib.asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, HOST, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()

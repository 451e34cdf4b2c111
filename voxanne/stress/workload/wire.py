"""HTTP/1.1 over sockets of our own, so that a caller can hang up at any byte.

A caller's request goes to any process that listens, as a balancer's would; one that is refused a
connection was never sent and goes to the next.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from voxanne.stress.workload.plan import Cut

HOST: Final = "127.0.0.1"
ANSWER_SECONDS_MAX: Final = 20.0  # as long as the voice platform waits
CONNECT_SECONDS_MAX: Final = 10.0
AGAIN_SECONDS: Final = 0.1
IDLE_MAX: Final = 64
_HEADER_BYTES_MAX: Final = 65_536

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnreachableError(Exception):
    """Nobody listened for CONNECT_SECONDS_MAX: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


@dataclass(slots=True)
class Backend:
    """An API process as callers see it; `port` is None while it isn't up."""

    port: int | None = None
    idle: deque[Connection] = field(default_factory=deque)

    def up(self, port: int) -> None:
        self.port = port

    def down(self) -> None:
        self.port = None
        while self.idle:
            self.idle.pop()[1].close()

    async def connect(self) -> Connection | None:
        """An open connection, new or kept alive; None when nobody listens."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        if self.port is None:
            return None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                return await asyncio.open_connection(HOST, self.port, limit=_HEADER_BYTES_MAX)
        return None

    def keep(self, connection: Connection) -> None:
        if self.port is None or len(self.idle) >= IDLE_MAX:
            connection[1].close()
        else:
            self.idle.append(connection)


class Wire:
    """Sends requests to the processes that are up."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    async def exchange(self, request: bytes, process: int, cut: Cut | None) -> Reply | None:
        """The reply; None when there was none, for whatever reason. `process`: who is asked first.

        Raises UnreachableError.
        """
        backend, connection = await self._connect(process)
        reply, reusable = None, False
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                reply, reusable = await _exchange(connection, request, cut)
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
            return None
        finally:
            if reusable:
                backend.keep(connection)
            elif cut is None:
                connection[1].close()
            else:
                connection[1].transport.abort()
        return reply

    async def _connect(self, process: int) -> tuple[Backend, Connection]:
        for _ in range(round(CONNECT_SECONDS_MAX / AGAIN_SECONDS)):
            for turn in range(len(self._backends)):
                backend = self._backends[(process + turn) % len(self._backends)]
                if (connection := await backend.connect()) is not None:
                    return backend, connection
            await asyncio.sleep(AGAIN_SECONDS)
        raise UnreachableError

    def close(self) -> None:
        for backend in self._backends:
            backend.down()


async def _exchange(
    connection: Connection, request: bytes, cut: Cut | None
) -> tuple[Reply | None, bool]:
    """The reply, and whether the connection is good for another. Raises OSError, EOFError, …"""
    reader, writer = connection
    if cut == "half":
        writer.write(request[: len(request) * 2 // 3])
        await writer.drain()
        return None, False
    writer.write(request)
    if cut == "unread":
        # Long enough for the other side to have begun, mostly too short for it to be done.
        await writer.drain()
        await asyncio.sleep(0.002)
        return None, False
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length, keep = 0, True
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            length = int(line[15:])
        elif line.startswith(b"connection:") and b"close" in line:
            keep = False
    return Reply(status, await reader.readexactly(length)), keep

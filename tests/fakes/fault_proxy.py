"""A proxy between a sender and a vendor that does what networks and vendors do: it is slow, cuts
off, loses the answer, answers nonsense. HTTP/1.1, one request a connection. No test in here.

    async with FaultProxy("127.0.0.1", vendor_port) as proxy:
        proxy.plan(None, reset_after(), status(429, {"Retry-After": "7"}))

The first request passes, the second is carried out and its answer lost, the third is refused; those
that follow pass, or meet what `proxy.choose` says.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Self

HTML = b"<!doctype html><title>502</title><h1>Bad Gateway</h1>"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST


@dataclass
class Response:
    """As it goes over the wire; `body` may be in chunks if the headers say so."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def replace_header(self, name: str, value: str) -> None:
        kept = [header for header in self.headers if header[0].lower() != name.lower()]
        self.headers = [*kept, (name, value)]

    def encode(self) -> bytes:
        """With a length, unless it is in chunks, and the connection's end."""
        if not any(name.lower() == "transfer-encoding" for name, _ in self.headers):
            self.replace_header("Content-Length", str(len(self.body)))
        self.replace_header("Connection", "close")
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {to}" for name, to in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass
class Request:
    """One request, and what can be done with it. `raw` is all of it, as it came."""

    method: str
    path: str
    raw: bytes
    upstream: tuple[str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def forward(self) -> Response:
        """Have it carried out. Raises OSError."""
        reader, writer = await asyncio.open_connection(*self.upstream)
        try:
            writer.write(self.raw)
            await writer.drain()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            return _response(head, body)
        finally:
            writer.close()

    async def answer(self, response: Response) -> None:
        self.writer.write(response.encode())
        await self.writer.drain()

    def reset(self) -> None:
        """Cut the connection off, so that the other side sees a reset."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Return when the other side has had enough."""
        with contextlib.suppress(OSError):
            await self.reader.read()


@dataclass(frozen=True)
class Fault:
    """What becomes of one request. Carried out: the vendor has done it, whatever was answered."""

    name: str
    act: Callable[[Request], Awaitable[None]]


Choice = Callable[[str, str], Fault | None]


@dataclass
class FaultProxy:
    """`seen`: method, path and fault of each request, as it came in. `choose` (method, path with
    query) decides where nothing is planned."""

    upstream_host: str
    upstream_port: int
    choose: Choice | None = None
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""
    _planned: deque[Fault | None] = field(default_factory=deque)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    def plan(self, *faults: Fault | None) -> None:
        """What the next requests meet, one each; None: nothing, they pass."""
        self._planned.extend(faults)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(serving)
        serving.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A client that leaves early, or never asks, is no concern of ours.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._act(await self._read(reader, writer))
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        said = dict(line.lower().split(": ", 1) for line in kept if ": " in line)
        body = b""
        if "chunked" in said.get("transfer-encoding", ""):
            while not body.endswith(b"0\r\n\r\n"):
                size = await reader.readuntil(b"\r\n")
                body += size + await reader.readexactly(int(size, 16) + 2)
        elif length := int(said.get("content-length", "0")):
            body = await reader.readexactly(length)
        lines = [first, *kept, "Connection: close", "", ""]
        raw = "\r\n".join(lines).encode("latin-1") + body
        upstream = (self.upstream_host, self.upstream_port)
        return Request(method, path, raw, upstream, reader, writer)

    async def _act(self, request: Request) -> None:
        if self._planned:
            fault = self._planned.popleft()
        else:
            fault = self.choose(request.method, request.path) if self.choose else None
        self.seen.append((request.method, request.path, fault.name if fault else None))
        if fault is not None:
            await fault.act(request)
            return
        try:
            response = await request.forward()
        except OSError:
            response = Response(502, [("Content-Type", "text/html")], HTML)
        await request.answer(response)


def latency(seconds: float) -> Fault:
    """Carried out and answered, later."""

    async def act(request: Request) -> None:
        await asyncio.sleep(seconds)
        await request.answer(await request.forward())

    return Fault("latency", act)


def held_before(going: asyncio.Event) -> Fault:
    """Carried out and answered once `going` is set."""

    async def act(request: Request) -> None:
        await going.wait()
        await request.answer(await request.forward())

    return Fault("held_before", act)


def held_after(done: asyncio.Event, going: asyncio.Event) -> Fault:
    """Carried out, then `done` is set; answered once `going` is."""

    async def act(request: Request) -> None:
        response = await request.forward()
        done.set()
        await going.wait()
        await request.answer(response)

    return Fault("held_after", act)


def reset_before() -> Fault:
    """Cut off; the vendor never saw it."""

    async def act(request: Request) -> None:
        request.reset()

    return Fault("reset_before", act)


def reset_after() -> Fault:
    """Carried out, and cut off before a word of the answer."""

    async def act(request: Request) -> None:
        await request.forward()
        request.reset()

    return Fault("reset_after", act)


def black_hole(*, forwarded: bool = False) -> Fault:
    """No answer for as long as the other side waits. `forwarded`: but carried out."""

    async def act(request: Request) -> None:
        if forwarded:
            await request.forward()
        await request.until_gone()

    return Fault("black_hole_after" if forwarded else "black_hole", act)


def status(
    code: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
    *,
    forwarded: bool = False,
) -> Fault:
    """Answered so, and not carried out, unless `forwarded`."""
    said = body.encode() if isinstance(body, str) else body

    async def act(request: Request) -> None:
        if forwarded:
            await request.forward()
        await request.answer(Response(code, list((headers or {}).items()), said))

    return Fault(f"status_after_{code}" if forwarded else f"status_{code}", act)


def status_after(code: int = 500, headers: Mapping[str, str] | None = None) -> Fault:
    """Carried out, and answered as if it had gone wrong."""
    return status(code, headers, forwarded=True)


def half_body() -> Fault:
    """Carried out; the answer breaks off in the middle of its body."""

    async def act(request: Request) -> None:
        response = await request.forward()
        whole = response.encode()
        request.writer.write(whole[: len(whole) - (len(response.body) + 1) // 2])
        await request.writer.drain()

    return Fault("half_body", act)


def html(code: int = 200, *, forwarded: bool = False) -> Fault:
    """A page for people where JSON was expected, as proxies and captive portals send."""
    page = status(code, {"Content-Type": "text/html; charset=utf-8"}, HTML, forwarded=forwarded)
    return Fault("html_after" if forwarded else "html", page.act)


def skewed_date(seconds: float = 300) -> Fault:
    """Carried out and answered by a clock that is so far ahead (negative: behind)."""

    async def act(request: Request) -> None:
        response = await request.forward()
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        response.replace_header("Date", format_datetime(moment, usegmt=True))
        await request.answer(response)

    return Fault("skewed_date", act)


def random_faults(seed: int, share: float, faults: Sequence[Fault]) -> Choice:
    """One of `faults` for about that share of the requests; the same ones for the same seed."""
    chance = random.Random(seed)

    def choose(_method: str, _path: str) -> Fault | None:
        return chance.choice(faults) if chance.random() < share else None

    return choose


def _response(head: bytes, body: bytes) -> Response:
    if not head:
        raise ConnectionResetError("the vendor itself broke off")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.split(": ", 1) for line in lines if ": " in line]
    return Response(int(first.split(" ")[1]), [(name, value) for name, value in headers], body)

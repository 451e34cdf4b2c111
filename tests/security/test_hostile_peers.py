"""Who is asked and who asks may send without sense: it costs neither time nor memory."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp

from voxanne.cli.serving import HEAD_BYTES_MAX, BoundedHead
from voxanne.deliveries.http import exchange
from voxanne.inbound.http import post, read_body

HERE = PlainTextResponse("here")
PIECES = 3_000
LONG = 8_000_000


class Pieces(httpx2.AsyncByteStream):
    """A long answer whose end comes byte by byte."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x" * LONG
        for _ in range(PIECES):
            yield b"x"


async def test_an_answer_in_small_pieces_is_not_copied_for_each() -> None:
    """Of a webhook's receiver, say: while it is read nobody else is served."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Pieces()))
    async with httpx2.AsyncClient(transport=transport) as client:
        began = time.process_time()
        answer = await exchange(client, "POST", "https://hooks.clinic.example/")
    assert len(answer.body) == LONG + PIECES
    assert time.process_time() - began < 1.0  # 0.1 s; several, were it copied


@contextlib.asynccontextmanager
async def listening(app: ASGIApp = HERE) -> AsyncIterator[int]:
    """The port of a server with serve's reading of HTTP."""
    config = uvicorn.Config(
        app, http=BoundedHead, lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        try:
            yield listener.getsockname()[1]
        finally:
            await server.shutdown(sockets=[listener])


async def taken(port: int, opening: bytes, piece: bytes) -> tuple[int, bytes]:
    """How many bytes of piece after piece a server takes, of some MB, and what it says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    writer.write(opening)
    with contextlib.suppress(ConnectionError):
        while sent < 4_000_000:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0.001)
        writer.write(b"\r\n\r\n")
    said = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        said = await asyncio.wait_for(reader.read(200), 5)
    writer.close()
    return sent, said


async def test_a_body_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voxanne.inbound.http.BODY_SECONDS_MAX", 0.05)

    async def read(request: Request) -> Response:
        return PlainTextResponse(str(await read_body(request, 1_000)))

    async with listening(Router([post("/", read)])) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nabc")
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert said.startswith(b"HTTP/1.1 499")


async def test_headers_have_an_end() -> None:
    request = b"GET / HTTP/1.1\r\nHost: here\r\n"
    body = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    piece = b"a" * 4_096
    async with listening() as port:
        for opening, more in (
            (request + b"X: ", piece),
            (request, b"X: a\r\n" * 512),
            (b"GET /", piece),
            (body + b"X: ", piece),
        ):
            sent, _ = await taken(port, opening, more)
            assert sent < 10 * HEAD_BYTES_MAX, opening[:40]
        url = f"http://127.0.0.1:{port}/"
        async with httpx2.AsyncClient() as http:
            long = {"X": "a" * (HEAD_BYTES_MAX // 2)}
            for _ in range(4):  # on one connection: nothing adds up
                answer = await http.post(url, headers=long, content=b"b" * 3 * HEAD_BYTES_MAX)
                assert (answer.status_code, answer.text) == (200, "here")

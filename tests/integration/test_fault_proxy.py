"""The proxy that the vendors' tests hang on: what each fault carries out and what it answers."""

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest

from tests.fakes.fault_proxy import (
    Fault,
    FaultProxy,
    Request,
    black_hole,
    half_body,
    held_after,
    held_before,
    html,
    latency,
    random_faults,
    reset_after,
    reset_before,
    skewed_date,
    status,
    status_after,
)

TIMEOUT = httpx2.Timeout(10.0, read=10.0)
BODY = b'{"kept": "all of it"}'


class Vendor:
    """Remembers what it was asked to do, and says so."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = 0
        for line in head.lower().split("\r\n"):
            if line.startswith("content-length: "):
                length = int(line.removeprefix("content-length: "))
        if "chunked" in head.lower():
            body = await reader.readuntil(b"0\r\n\r\n")
        else:
            body = await reader.readexactly(length)
        self.done.append((head.split("\r\n")[0], body))
        date = b"Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n"
        writer.write(b"HTTP/1.1 201 Created\r\n" + date + b"\r\n" + BODY)
        writer.close()


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, FaultProxy]]:
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield vendor, proxy


async def post(proxy: FaultProxy, content: Any = b"hello") -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
        return await client.post(f"{proxy.url}/things?page=2", content=content)


async def test_requests_pass_and_are_seen(vendor: tuple[Vendor, FaultProxy]) -> None:
    there, proxy = vendor
    answer = await post(proxy)
    assert (answer.status_code, answer.content) == (201, BODY)
    assert there.done == [("POST /things?page=2 HTTP/1.1", b"hello")]
    assert proxy.seen == [("POST", "/things?page=2", None)]


async def test_a_request_in_chunks_passes_whole(vendor: tuple[Vendor, FaultProxy]) -> None:
    there, proxy = vendor

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    assert (await post(proxy, chunks())).status_code == 201
    assert there.done[0][1] == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [(reset_before(), 0), (reset_after(), 1), (half_body(), 1)],
    ids=lambda given: given.name if isinstance(given, Fault) else None,
)
async def test_a_connection_that_breaks(
    vendor: tuple[Vendor, FaultProxy], fault: Fault, carried_out: int
) -> None:
    there, proxy = vendor
    proxy.plan(fault, None)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        await post(proxy)
    assert len(there.done) == carried_out
    assert (await post(proxy)).status_code == 201


@pytest.mark.parametrize("forwarded", [False, True])
async def test_a_black_hole(vendor: tuple[Vendor, FaultProxy], forwarded: bool) -> None:
    there, proxy = vendor
    swallowed = asyncio.Event()
    hole = black_hole(forwarded=forwarded)

    async def act(request: Request) -> None:
        swallowed.set()
        await hole.act(request)

    proxy.plan(Fault(hole.name, act))
    asked = asyncio.create_task(post(proxy))
    await swallowed.wait()
    while forwarded and not there.done:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert not asked.done()
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert len(there.done) == forwarded


async def test_answers_of_its_own(vendor: tuple[Vendor, FaultProxy]) -> None:
    there, proxy = vendor
    proxy.plan(status(429, {"Retry-After": "7"}, "slow down"), html(), html(503))
    refused = await post(proxy)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.text == "slow down"
    page = await post(proxy)
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    assert (await post(proxy)).status_code == 503
    assert there.done == []


async def test_an_error_after_the_deed(vendor: tuple[Vendor, FaultProxy]) -> None:
    there, proxy = vendor
    proxy.plan(status_after(), html(forwarded=True))
    assert (await post(proxy)).status_code == 500
    assert (await post(proxy)).status_code == 200
    assert len(there.done) == 2


async def test_a_clock_that_is_off(vendor: tuple[Vendor, FaultProxy]) -> None:
    _, proxy = vendor
    proxy.plan(skewed_date(300), skewed_date(-300), latency(0))
    ahead, behind = [parsedate_to_datetime((await post(proxy)).headers["date"]) for _ in range(2)]
    assert 590 <= (ahead - behind).total_seconds() <= 610
    assert (await post(proxy)).status_code == 201


async def test_requests_that_are_held(vendor: tuple[Vendor, FaultProxy]) -> None:
    there, proxy = vendor
    done, going = asyncio.Event(), asyncio.Event()
    proxy.plan(held_after(done, going))
    asked = asyncio.create_task(post(proxy))
    await done.wait()
    assert (len(there.done), asked.done()) == (1, False)
    proxy.plan(held_before(going))
    second = asyncio.create_task(post(proxy))
    while len(proxy.seen) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert len(there.done) == 1
    going.set()
    assert [(await one).status_code for one in (asked, second)] == [201, 201]


async def test_faults_chosen_by_request_or_by_chance(vendor: tuple[Vendor, FaultProxy]) -> None:
    _, proxy = vendor
    proxy.choose = lambda method, path: status(418) if "page=2" in path else None
    assert (await post(proxy)).status_code == 418
    proxy.plan(None)
    assert (await post(proxy)).status_code == 201

    chosen = [
        [choose("GET", "/") for _ in range(200)]
        for choose in (random_faults(seed, 0.3, [html(), reset_before()]) for seed in (1, 1, 2))
    ]
    names = [[fault.name if fault else None for fault in row] for row in chosen]
    assert names[0] == names[1] != names[2]
    assert set(names[0]) == {None, "html", "reset_before"}


async def test_a_vendor_that_is_away() -> None:
    async with FaultProxy("127.0.0.1", 1) as proxy:
        assert (await post(proxy)).status_code == 502


async def test_leaving_ends_what_is_held(vendor: tuple[Vendor, FaultProxy]) -> None:
    async with FaultProxy("127.0.0.1", vendor[1].upstream_port) as proxy:
        proxy.plan(held_before(asyncio.Event()))
        asked = asyncio.create_task(post(proxy))
        while not proxy.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        await asked

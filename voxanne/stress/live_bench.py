"""Live views: what many open ones cost the API, and how soon they are told of a booking."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast

from voxanne.stress.api_process import ApiProcess
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.load import Plan, Requests, Result, percentile

VIEWS: Final = 200
TIMED_BOOKINGS: Final = 40
OPEN_SECONDS_MAX: Final = 30
TOLD_SECONDS_MAX: Final = 15
_BEGUN: Final = re.compile(rb"^id: ", re.MULTILINE)
_EVENT: Final = b"event: changed\n"
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class View(asyncio.Protocol):
    """One open stream, as a browser has it."""

    def __init__(self, views: "Views", request: bytes) -> None:
        self._views, self._request = views, request
        self._received = b""
        self.begun = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.begun.is_set():
            self._received += data
            if _BEGUN.search(self._received):
                self.begun.set()
                self._received = b""
            return
        # Each event is sent in one piece.
        if events := data.count(_EVENT):
            self._views.tell(events)


@dataclass(slots=True)
class Views:
    """All that are open. `told`: events that came in, in all of them."""

    told: int = 0
    told_at: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, events: int) -> None:
        self.told += events
        self.told_at = time.perf_counter()
        self.news.set()

    async def wait_for(self, events: int) -> bool:
        """Until so many have come in; False when they don't."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_SECONDS_MAX):
                while self.told < events:
                    self.news.clear()
                    await self.news.wait()
        return self.told >= events


@contextlib.asynccontextmanager
async def open_views(api: ApiProcess, keys: Sequence[str]) -> AsyncIterator[Views]:
    """VIEWS streams, shared out among the clinics whose keys these are."""
    views = Views()
    loop = asyncio.get_running_loop()
    opened: list[View] = []
    try:
        async with asyncio.timeout(OPEN_SECONDS_MAX):
            for number in range(VIEWS):
                request = (
                    f"GET /v1/events/stream HTTP/1.1\r\nHost: {api.host}:{api.port}\r\n"
                    f"Authorization: Bearer {keys[number % len(keys)]}\r\n\r\n"
                ).encode()
                _, view = await loop.create_connection(
                    partial(View, views, request), api.host, api.port
                )
                opened.append(view)
            await asyncio.gather(*(view.begun.wait() for view in opened))
        yield views
    finally:
        for view in opened:
            if view.transport is not None:
                view.transport.close()


@dataclass(slots=True)
class Measured:
    """What the rounds gave."""

    without: list[Result] = field(default_factory=list)
    beside: list[Result] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    lost: int = 0


async def measure_views(
    api: ApiProcess,
    readers: Sequence[str],
    load: Callable[[], Awaitable[Result]],
    plan: Callable[[int], Plan],
    rounds: int,
    progress: Progress,
) -> tuple[list[Figure], list[str]]:
    """The figures, and what went wrong. `readers`: a key of each clinic that may read its events;
    `plan` reserves so many requests.
    """
    measured = Measured()
    await load()  # connections are open, plans are made
    for number in range(1, rounds + 1):
        measured.without.append(await load())
        before = api.resident_megabytes()
        async with open_views(api, readers) as views:
            beside = await load()
            measured.beside.append(beside)
            measured.megabytes.append(api.resident_megabytes() - before)
            expected = beside.outcomes.get("booked", 0) * VIEWS // len(readers)
            if not await views.wait_for(expected):
                measured.lost += expected - views.told
            if number == rounds:
                measured.milliseconds += await _time_bookings(views, plan(TIMED_BOOKINGS))
        progress(f"live: round {number} of {rounds}")
    wrong = [f"live: {measured.lost} events were not told"] if measured.lost else []
    if len(measured.milliseconds) < TIMED_BOOKINGS:
        wrong.append("live: not every booking was told in time")
    return _figures(measured), wrong


async def _time_bookings(views: Views, plan: Plan) -> list[float]:
    """From the first byte of a booking's request to the event in the first view that has it."""
    took = []
    reader, writer = await asyncio.open_connection(plan.host, plan.port)
    try:
        for _, request in zip(range(TIMED_BOOKINGS), Requests(plan), strict=False):
            before, started = views.told, time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            if await views.wait_for(before + 1):
                took.append(1000 * (views.told_at - started))
            await views.wait_for(before + VIEWS // len(plan.keys))
    finally:
        writer.close()
    return took


def _figures(measured: Measured) -> list[Figure]:
    rate = _rate(measured.beside)
    alone = _rate(measured.without)
    detail: dict[str, object] = {"with_per_second": round(rate), "without_per_second": round(alone)}
    ordered = sorted(measured.milliseconds)
    times: dict[str, object] = {
        "p99_ms": round(percentile(ordered, 99), 1),
        "bookings": len(ordered),
    }
    # Later rounds use again what the first one took.
    added = max(measured.megabytes)
    return [
        Figure(f"memory of {VIEWS} live views", added, "MB", 60.0),
        Figure(
            f"bookings beside {VIEWS} live views ÷ without",
            rate / alone,
            "",
            0.95,
            at_least=True,
            detail=detail,
        ),
        Figure("booking to a live view, p50", percentile(ordered, 50), "ms", 300.0, detail=times),
    ]


def _rate(results: Sequence[Result]) -> float:
    booked = sum(result.outcomes.get("booked", 0) for result in results)
    return booked / sum(result.seconds for result in results)

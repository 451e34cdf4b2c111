"""The load generator: a process of its own, raw sockets, requests from pre-cut pieces.

`python -m voxanne.stress.load` reads one plan as JSON from standard input and prints one result.
It must not be what is measured, so it does no more per request than it must, and says what share
of a core it used.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from voxanne.stress.people import PEOPLE_MAX, person
from voxanne.stress.vapi_body import Template

SLOT_MINUTES: Final = 15
STRIDE: Final = 982_451_653  # a prime, so that every slot comes once before one comes twice
SILENCE_SECONDS_MAX: Final = 60
TOOL: Final = "bookClinicAppointment"
ARGUMENTS: Final = {
    "name": "@@name@@",
    "scheduledAt": "@@scheduled_at@@",
    "serviceType": "consultation",
}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ERROR = re.compile(rb'\\"error\\":\\"([A-Z_]+)\\"')


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `keys`: one per clinic; the slots run over all clinics from `first_day` on.

    `first_request` numbers the callers and slots, so that no two plans of a run meet. A `rate` per
    second makes it an open loop: requests leave by the clock, whoever is still waiting. Otherwise
    each connection sends its next request when the answer is there.
    """

    host: str
    port: int
    keys: tuple[str, ...]
    first_day: str
    days: int
    first_request: int
    connections: int
    requests: int | None = None
    seconds: float | None = None
    rate: float | None = None
    same_slot: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `cpu_share`: of one core, used by the load generator itself."""

    requests: int
    seconds: float
    outcomes: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_share: float


class Requests:
    """The plan's requests, one after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._template = Template(TOOL, ARGUMENTS, f"{plan.host}:{plan.port}", plan.keys)
        self._first_day = datetime.fromisoformat(plan.first_day).replace(tzinfo=UTC)
        self._slots = plan.days * 24 * 60 // SLOT_MINUTES

    def __iter__(self) -> Iterator[bytes]:
        number = self._plan.first_request
        while True:
            yield self._request(number)
            number += 1

    def _request(self, number: int) -> bytes:
        clinics = len(self._plan.keys)
        place = 0 if self._plan.same_slot else number * STRIDE % (clinics * self._slots)
        slot, clinic = divmod(place, clinics)
        starts = self._first_day + timedelta(minutes=SLOT_MINUTES * slot)
        somebody = person(number % PEOPLE_MAX)
        values = {
            "call": f"7420f27a-30fd-4f49-a995-{number:012x}",
            "tool_call": f"call_{number:024x}",
            "caller": somebody.phone,
            "name": somebody.name,
            "scheduled_at": f"{starts:%Y-%m-%dT%H:%M:00Z}",
        }
        return self._template.request(clinic, values)


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._received = b""
        self._sent: tuple[bytes, float] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def send(self, request: bytes, since: float) -> None:
        """`since`: when the caller began to wait, on the clock of `perf_counter`."""
        assert self._transport is not None
        self._sent = request, since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if blank else None
        if length is None or len(body) < int(length[1]):
            return
        assert self._sent is not None
        request, since = self._sent
        self._received, self._sent = b"", None
        seconds = time.perf_counter() - since
        self._load.answered(self, request, _outcome(head, body), seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, self._sent)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Runs a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = iter(Requests(plan))
        self._sent = 0
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._outcomes: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._ends = float("inf")
        self._last_answer = 0.0
        self._done = asyncio.Event()
        self._reconnecting: set[asyncio.Task[None]] = set()

    async def run(self) -> Result:
        await asyncio.gather(*(self._connect() for _ in range(self._plan.connections)))
        gc.collect()
        gc.freeze()
        cpu, started = time.process_time(), time.perf_counter()
        if self._plan.seconds is not None:
            self._ends = started + self._plan.seconds
        if self._plan.rate is not None:
            await self.send_by_the_clock(self._plan.rate, started)
        else:
            for connection in list(self._idle):
                self._send_next(connection)
        await self._answers()
        seconds = self._last_answer - started
        cpu_share = (time.process_time() - cpu) / (time.perf_counter() - started)
        for connection in self._connections:
            connection.close()
        return self._result(seconds, cpu_share)

    async def _answers(self) -> None:
        """Until every request has its answer, or for a while nothing comes any more."""
        answered = -1
        if self._outcomes.total() < self._sent:
            # Set too early: all earlier answers were in before the clock sent its last request.
            self._done.clear()
        while self._outcomes.total() < self._sent and answered < self._outcomes.total():
            answered = self._outcomes.total()
            try:
                await asyncio.wait_for(self._done.wait(), SILENCE_SECONDS_MAX)
            except TimeoutError:
                continue
        if missing := self._sent - self._outcomes.total():
            self._outcomes["NO_ANSWER"] += missing

    async def send_by_the_clock(self, rate: float, started: float) -> None:
        while self._may_send():
            due = started + self._sent / rate
            await asyncio.sleep(due - time.perf_counter())
            self._sent += 1
            self._waiting.append((next(self._requests), due))
            if self._idle:
                self._idle.pop().send(*self._waiting.popleft())

    def answered(
        self, connection: Connection, _request: bytes, outcome: str, seconds: float
    ) -> None:
        self._outcomes[outcome] += 1
        self._latencies.append(seconds)
        self._last_answer = time.perf_counter()
        if self._waiting:
            connection.send(*self._waiting.popleft())
        elif self._plan.rate is None and self._may_send():
            self._send_next(connection)
        else:
            self._idle.append(connection)
        if self._outcomes.total() == self._sent and not self._may_send():
            self._done.set()

    def lost(self, connection: Connection, sent: tuple[bytes, float] | None) -> None:
        """Servers close idle connections; a request that was under way is sent once more, and its
        idempotency key sees to it that it is the same booking.
        """
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if sent is not None:
            self._waiting.appendleft(sent)
        if not self._done.is_set():
            task = asyncio.ensure_future(self._reconnect())
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)

    async def _reconnect(self) -> None:
        await self._connect()
        if self._waiting and self._idle:
            self._idle.pop().send(*self._waiting.popleft())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self), self._plan.host, self._plan.port
        )
        self._connections.add(connection)
        self._idle.append(connection)

    def _may_send(self) -> bool:
        wanted = self._plan.requests
        return (wanted is None or self._sent < wanted) and time.perf_counter() < self._ends

    def _send_next(self, connection: Connection) -> None:
        if not self._may_send():
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self._sent += 1
        connection.send(next(self._requests), time.perf_counter())

    def _result(self, seconds: float, cpu_share: float) -> Result:
        latencies = sorted(self._latencies)
        return Result(
            requests=self._sent,
            seconds=seconds,
            outcomes=dict(self._outcomes),
            p50_ms=percentile(latencies, 50) * 1000,
            p99_ms=percentile(latencies, 99) * 1000,
            max_ms=percentile(latencies, 100) * 1000,
            cpu_share=cpu_share,
        )


def percentile(ordered: list[float], percent: int) -> float:
    """The nearest-rank percentile of sorted values; 0 of none."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def _outcome(head: bytes, body: bytes) -> str:
    """`booked`, `replayed`, a refusal's code, or the HTTP status."""
    if not head.startswith(b"HTTP/1.1 200"):
        return f"HTTP {head[9:12].decode('latin-1')}"
    if b'\\"success\\":true' in body:
        return "replayed" if b'\\"replayed\\":true' in body else "booked"
    error = _ERROR.search(body)
    return error[1].decode() if error else "UNREADABLE"


def main() -> None:
    plan = json.load(sys.stdin)
    plan["keys"] = tuple(plan["keys"])
    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = runner.run(Load(Plan(**plan)).run())
    sys.stdout.write(json.dumps(asdict(result)))


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, which costs half as much, where uvicorn's extras brought it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()

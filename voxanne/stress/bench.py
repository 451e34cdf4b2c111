"""`voxanne bench`: figures of this machine, each against the same work in bare SQL.

A measurement is one function in MEASUREMENTS: it gets the Bench and returns its figures. They run
one after the other, against one scratch database and one API process; those of the diary against
two databases of their own, which are loaded when the first of them is wanted.
"""

import contextlib
import os
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from voxanne.postgres.migrate import migrate_up
from voxanne.postgres.organizations import create_key
from voxanne.postgres.pool import API_ROLE
from voxanne.stress.api_process import ApiProcess, put_load, run_api
from voxanne.stress.dashboard_bench import measure_dashboard
from voxanne.stress.diary_bench import (
    Diaries,
    measure_availability,
    measure_refusals,
    open_diaries,
)
from voxanne.stress.diary_rates import measure_holds, measure_reschedules
from voxanne.stress.figure import ROUND_SECONDS, Figure, Progress, rounds_of
from voxanne.stress.live_bench import measure_views
from voxanne.stress.load import Plan, Result
from voxanne.stress.outbox_bench import measure_cost, measure_drain
from voxanne.stress.pgbench import BOOK, CLIENTS, CLINICS, INSERT, SEED, Round, run_pgbench
from voxanne.stress.scale_bench import measure_scale
from voxanne.stress.scratch import Target, scratch_database
from voxanne.stress.start_bench import measure_start
from voxanne.stress.voice_bench import measure_voice

DAYS = 1_780  # each of the three ways to book has days of its own
CONNECTIONS = 32
LATENCY_RATE_PER_SECOND = 100
CONTENDERS = 200
MEMORY_STEP = 10_000
REFUSED_SHARE_MAX = 0.001


@dataclass(frozen=True, slots=True)
class Server:
    """Where scratch databases are made. `superuser_url`: by whom, where the owner may not."""

    owner_url: str
    superuser_url: str | None


@dataclass(slots=True)
class Bench:
    """The stage of the measurements. `wrong` collects what must not happen at any speed."""

    url: str
    owner: asyncpg.Connection
    api: ApiProcess
    keys: tuple[str, ...]
    seconds: float
    memory_bookings: int
    progress: Progress
    server: Server
    appointments: int
    opened: AsyncExitStack
    wrong: list[str] = field(default_factory=list)
    http_bookings: int = 0
    _diaries: Diaries | None = None
    _next_request: int = 1
    _next_transaction: dict[str, int] = field(default_factory=lambda: {BOOK: 0, INSERT: 0})

    @property
    def rounds(self) -> tuple[int, int]:
        return rounds_of(self.seconds)

    @property
    def warm_up(self) -> bool:
        return self.seconds >= ROUND_SECONDS

    async def diaries(self) -> Diaries:
        """Loaded on first use."""
        if self._diaries is None:
            opening = open_diaries(
                self.server.owner_url,
                self.server.superuser_url,
                appointments=self.appointments,
                seconds=self.seconds,
                progress=self.progress,
                wrong=self.wrong,
            )
            self._diaries = await self.opened.enter_async_context(opening)
        return self._diaries

    async def pgbench(self, script: str, seconds: int) -> tuple[Round, int]:
        """A round, and how many rows it really added."""
        before = await self._rows()
        offset = DAYS * (0 if script is BOOK else 2)
        variables = {
            "clinics": CLINICS,
            "quarters": DAYS * 96,
            "first": self._next_transaction[script],
            "first_day": int(_first_day(offset).timestamp()),
        }
        role = API_ROLE if script is BOOK else None
        done = await run_pgbench(self.url, script, seconds=seconds, variables=variables, role=role)
        # The clients count for themselves, and some are quicker.
        self._next_transaction[script] += 3 * done.transactions + CLIENTS
        return done, await self._rows() - before

    async def _rows(self) -> int:
        rows: int = await self.owner.fetchval("SELECT count(*) FROM appointments")
        return rows

    async def load(
        self,
        *,
        connections: int = CONNECTIONS,
        requests: int | None = None,
        seconds: float | None = None,
        rate: float | None = None,
        same_slot: bool = False,
    ) -> Result:
        """Book over HTTP as planned, each time new callers at new times."""
        plan = self._plan(
            connections, requests=requests, seconds=seconds, rate=rate, same_slot=same_slot
        )
        result = await put_load(plan)
        self._next_request += result.requests
        self.http_bookings += result.outcomes.get("booked", 0)
        return result

    def reserve(self, requests: int) -> Plan:
        """A plan of so many requests, to be sent by whoever asks."""
        plan = self._plan(1, requests=requests)
        self._next_request += requests
        return plan

    def _plan(
        self,
        connections: int,
        *,
        requests: int | None = None,
        seconds: float | None = None,
        rate: float | None = None,
        same_slot: bool = False,
    ) -> Plan:
        return Plan(
            host=self.api.host,
            port=self.api.port,
            keys=self.keys,
            first_day=f"{_first_day(DAYS):%Y-%m-%d}",
            days=DAYS,
            first_request=self._next_request,
            connections=connections,
            requests=requests,
            seconds=seconds,
            rate=rate,
            same_slot=same_slot,
        )

    def expect_all_booked(self, what: str, result: Result) -> None:
        """BUSY says that the machine is slow, which is what the figures are for; all else is wrong,
        since no two requests of the bench want the same time.
        """
        if result.outcomes.keys() - {"booked", "BUSY"}:
            self.wrong.append(f"{what}: not every request was booked: {result.outcomes}")


Measurement = Callable[[Bench], Awaitable[list[Figure]]]


async def measure_bookings(bench: Bench) -> list[Figure]:
    rounds, seconds = bench.rounds
    if bench.warm_up:
        await bench.pgbench(BOOK, 1)
        await bench.pgbench(INSERT, 1)
    books, inserts = [], []
    for number in range(1, rounds + 1):
        books.append(await bench.pgbench(BOOK, seconds))
        inserts.append(await bench.pgbench(INSERT, seconds))
        bench.progress(f"bookings: round {number} of {rounds}")
    booked, inserted = _rate(books), _rate(inserts)
    sent = sum(run.transactions for run, _ in books)
    refused_share = 1 - sum(stored for _, stored in books) / max(1, sent)
    if refused_share > REFUSED_SHARE_MAX:
        bench.wrong.append(f"bookings: {refused_share:.1%} were refused")
    detail: dict[str, object] = {
        "bookings_per_second": round(booked),
        "inserts_per_second": round(inserted),
        "refused_share": round(refused_share, 4),
    }
    name = "bookings in SQL ÷ single-row INSERTs"
    return [Figure(name, booked / inserted, "", 0.40, at_least=True, detail=detail)]


async def measure_http(bench: Bench) -> list[Figure]:
    rounds, seconds = bench.rounds
    if bench.warm_up:
        await bench.load(seconds=1)
        await bench.pgbench(BOOK, 1)
    over_http, in_sql, cpu_seconds = [], [], 0.0
    for number in range(1, rounds + 1):
        before = bench.api.cpu_seconds()
        result = await bench.load(seconds=seconds)
        cpu_seconds += bench.api.cpu_seconds() - before
        bench.expect_all_booked("http", result)
        over_http.append(result)
        in_sql.append(await bench.pgbench(BOOK, seconds))
        bench.progress(f"http: round {number} of {rounds}")
    took = sum(result.seconds for result in over_http)
    booked = sum(result.outcomes.get("booked", 0) for result in over_http)
    detail: dict[str, object] = {
        "bookings_per_second": round(booked / took),
        "in_sql_per_second": round(_rate(in_sql)),
        "busy": sum(result.outcomes.get("BUSY", 0) for result in over_http),
        "worst_p99_ms": round(max(result.p99_ms for result in over_http), 1),
        "api_cpu_share": round(cpu_seconds / took, 2),
        "api_cpu_ms_per_booking": round(1000 * cpu_seconds / max(1, booked), 2),
        "load_cpu_share": round(sum(r.cpu_share for r in over_http) / rounds, 2),
    }
    name = f"bookings over HTTP ({CONNECTIONS} connections) ÷ in SQL"
    return [Figure(name, booked / took / _rate(in_sql), "", 0.30, at_least=True, detail=detail)]


async def measure_latency(bench: Bench) -> list[Figure]:
    rate = LATENCY_RATE_PER_SECOND
    bench.progress(f"latency: {rate} requests/s for {bench.seconds:g} s")
    result = await bench.load(seconds=bench.seconds, rate=rate)
    bench.expect_all_booked("latency", result)
    detail: dict[str, object] = {
        "requests": result.requests,
        "busy": result.outcomes.get("BUSY", 0),
        "max_ms": round(result.max_ms, 1),
        "load_cpu_share": round(result.cpu_share, 2),
    }
    return [
        Figure(f"latency at {rate}/s, p50", result.p50_ms, "ms", detail=detail),
        Figure(f"latency at {rate}/s, p99", result.p99_ms, "ms", 25.0, detail=detail),
    ]


async def measure_contention(bench: Bench) -> list[Figure]:
    bench.progress(f"contention: {CONTENDERS} callers for one slot")
    result = await bench.load(connections=CONTENDERS, requests=CONTENDERS, same_slot=True)
    if result.outcomes != {"booked": 1, "SLOT_UNAVAILABLE": CONTENDERS - 1}:
        bench.wrong.append(f"contention: not one winner and refusals: {result.outcomes}")
    winners = result.outcomes.get("booked", 0)
    detail: dict[str, object] = {"outcomes": result.outcomes}
    return [
        Figure(f"winners among {CONTENDERS} callers", winners, "", 1, detail=detail),
        Figure(f"latency of {CONTENDERS} callers at once, p99", result.p99_ms, "ms"),
    ]


async def measure_memory(bench: Bench) -> list[Figure]:
    busy = 0
    steps: dict[str, object] = {str(bench.http_bookings): round(bench.api.resident_megabytes(), 1)}
    while bench.http_bookings < bench.memory_bookings:
        missing = bench.memory_bookings - bench.http_bookings
        result = await bench.load(requests=min(MEMORY_STEP, missing))
        bench.expect_all_booked("memory", result)
        busy += result.outcomes.get("BUSY", 0)
        memory = bench.api.resident_megabytes()
        steps[str(bench.http_bookings)] = round(memory, 1)
        bench.progress(f"memory: {memory:.0f} MB after {bench.http_bookings:,} bookings")
        if not result.outcomes.get("booked"):
            break
    name = f"memory of the API after {bench.http_bookings:,} bookings"
    detail: dict[str, object] = {"bookings_to_megabytes": steps, "busy": busy}
    return [Figure(name, bench.api.resident_megabytes(), "MB", 150.0, detail=detail)]


async def measure_deliveries(bench: Bench) -> list[Figure]:
    rounds, seconds = bench.rounds
    cost = await measure_cost(bench.owner, bench.pgbench, rounds, seconds, bench.progress)
    return [*cost, *await measure_drain(bench.url, bench.owner, bench.progress)]


async def measure_calendar(bench: Bench) -> list[Figure]:
    return await measure_dashboard(bench.owner, bench.api, bench.seconds, bench.progress)


async def measure_live(bench: Bench) -> list[Figure]:
    rounds, seconds = bench.rounds
    clinics = await bench.owner.fetch("SELECT id FROM organizations ORDER BY id")
    readers = [await create_key(bench.owner, row["id"], "read_only") for row in clinics]

    async def load() -> Result:
        result = await bench.load(seconds=seconds)
        bench.expect_all_booked("live", result)
        return result

    figures, wrong = await measure_views(
        bench.api, readers, load, bench.reserve, rounds, bench.progress
    )
    bench.wrong += wrong
    return figures


async def measure_starts(bench: Bench) -> list[Figure]:
    return await measure_start(bench.url, bench.seconds, bench.progress)


async def measure_growth(bench: Bench) -> list[Figure]:
    server = bench.server
    figures, wrong = await measure_scale(
        server.owner_url,
        server.superuser_url,
        bench.appointments,
        bench.seconds,
        bench.progress,
    )
    bench.wrong += wrong
    return figures


async def measure_calls(bench: Bench) -> list[Figure]:
    server = bench.server
    figures, wrong = await measure_voice(
        server.owner_url, server.superuser_url, bench.appointments, bench.seconds, bench.progress
    )
    bench.wrong += wrong
    return figures


def _in_diaries(measure: Callable[[Diaries], Awaitable[list[Figure]]]) -> Measurement:
    async def measured(bench: Bench) -> list[Figure]:
        return await measure(await bench.diaries())

    return measured


MEASUREMENTS: Final[dict[str, Measurement]] = {
    "bookings": measure_bookings,
    "http": measure_http,
    "latency": measure_latency,
    "contention": measure_contention,
    "memory": measure_memory,
    "deliveries": measure_deliveries,
    "live": measure_live,
    "dashboard": measure_calendar,
    "start": measure_starts,
    "voice": measure_calls,
    "scale": measure_growth,
    "availability": _in_diaries(measure_availability),
    "refusals": _in_diaries(measure_refusals),
    "holds": _in_diaries(measure_holds),
    "reschedules": _in_diaries(measure_reschedules),  # last: the diary is another one afterwards
}


@dataclass(frozen=True, slots=True)
class Report:
    machine: dict[str, object]
    figures: dict[str, list[Figure]]
    wrong: list[str]

    @property
    def all_met(self) -> bool:
        return all(figure.met is not False for some in self.figures.values() for figure in some)


async def run_bench(
    owner_url: str,
    superuser_url: str | None,
    *,
    seconds: float,
    memory_bookings: int,
    appointments: int,
    only: Sequence[str],
    progress: Progress,
) -> Report:
    """Measure in scratch databases of that server. Raises ProofError when none can be made."""

    server = Server(owner_url, superuser_url)
    async with (
        _stage(server, progress) as (url, owner, keys),
        run_api(url) as api,
        AsyncExitStack() as opened,
    ):
        bench = Bench(
            *(url, owner, api, keys, seconds, memory_bookings, progress),
            *(server, appointments, opened),
        )
        machine = await _machine(owner)
        figures = {
            name: await measure(bench)
            for name, measure in MEASUREMENTS.items()
            if not only or name in only
        }
        return Report(machine, figures, bench.wrong)


@contextlib.asynccontextmanager
async def _stage(
    server: Server, progress: Progress
) -> AsyncIterator[tuple[str, asyncpg.Connection, tuple[str, ...]]]:
    """A scratch database of clinics, its owner's session and a key of each clinic."""
    async with (
        scratch_database(server.owner_url, server.superuser_url, "bench") as url,
        Target(url).owner() as owner,
    ):
        progress(
            f"Working in {await owner.fetchval('SELECT current_database()')}, dropped afterwards"
        )
        await migrate_up(owner)
        for statement in SEED:
            await owner.execute(statement)
        clinics = await owner.fetch("SELECT id FROM organizations ORDER BY id")
        yield url, owner, tuple([await create_key(owner, row["id"], "agent") for row in clinics])


async def _machine(owner: asyncpg.Connection) -> dict[str, object]:
    """What the figures depend on."""
    settings = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
    shown = {name: await owner.fetchval("SELECT current_setting($1)", name) for name in settings}
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "postgresql": shown.pop("server_version"),
        **shown,
    }


def _first_day(days_ahead: int) -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=2 + days_ahead)


def _rate(rounds: Sequence[tuple[Round, int]]) -> float:
    return sum(stored for _, stored in rounds) / sum(run.seconds for run, _ in rounds)

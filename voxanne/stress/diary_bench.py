"""Measurements of the diary: availability, refusals with alternatives, holds, reschedules.

Two databases, a small diary and a large one, stand side by side while they are compared.
"""

import asyncio
import contextlib
import json
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from voxanne.postgres.organizations import create_key
from voxanne.postgres.pool import API_ROLE
from voxanne.stress.api_process import ApiProcess, run_api
from voxanne.stress.diary_data import APPOINTMENTS_MIN, Diary, open_diary
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.load import percentile
from voxanne.stress.scratch import ProofError, Target

ALTERNATIVES: Final = 3
CALLS_PER_TURN: Final = 25
WARM_UP_CALLS: Final = 10  # a session's first calls plan, and the sixth may plan again
HTTP_CLINICS: Final = 10
_AVAILABILITY: Final = "CALL bench.time_availability($1, $2, $3)"
_RPC: Final = "/rest/v1/rpc/book_appointment_atomic"
_REFUSALS: Final = "CALL bench.time_refusals($1, $2, $3, $4, $5)"


@dataclass(slots=True)
class Diaries:
    """The stage. `wrong` collects what must not happen at any speed."""

    small: Diary
    large: Diary
    seconds: float
    progress: Progress
    wrong: list[str]
    next_ticket: int = 0


# A key and the parameters of a booking → the answer, and the seconds it took.
Call = Callable[[str, dict[str, object]], Awaitable[tuple[dict[str, Any], float]]]


@contextlib.asynccontextmanager
async def open_diaries(
    owner_url: str,
    superuser_url: str | None,
    *,
    appointments: int,
    seconds: float,
    progress: Progress,
    wrong: list[str],
) -> AsyncIterator[Diaries]:
    async with (
        open_diary(owner_url, superuser_url, APPOINTMENTS_MIN, progress) as small,
        open_diary(owner_url, superuser_url, appointments, progress) as large,
    ):
        yield Diaries(small, large, seconds, progress, wrong)


@dataclass(slots=True)
class Side:
    """Calls of one kind in one session, timed by the server. `cpu_seconds`: None where the server
    is another machine.
    """

    session: asyncpg.Connection
    query: str
    arguments: Sequence[object]
    ms: list[float] = field(default_factory=list)
    wrong: int = 0
    cpu_seconds: float | None = None

    async def call(self, calls: int) -> None:
        before = await _cpu_seconds(self.session)
        answer = await self.session.fetchrow(self.query, calls, *self.arguments)
        after = await _cpu_seconds(self.session)
        assert answer is not None
        self.ms += answer["r_ms"]
        self.wrong += answer["r_wrong"]
        if before is not None and after is not None:
            self.cpu_seconds = (self.cpu_seconds or 0.0) + after - before

    async def warm_up(self) -> None:
        await self.call(WARM_UP_CALLS)
        self.ms, self.cpu_seconds = [], None

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.ms)

    @property
    def cpu_ms(self) -> float | None:
        return None if self.cpu_seconds is None else 1000 * self.cpu_seconds / len(self.ms)

    def detail(self) -> dict[str, object]:
        found: dict[str, object] = {"p99_ms": round(percentile(sorted(self.ms), 99), 2)}
        if self.cpu_ms is not None:
            found["cpu_ms_per_call"] = round(self.cpu_ms, 3)
        return {**found, "calls": len(self.ms)}


async def measure_availability(diaries: Diaries) -> list[Figure]:
    """What `checkAvailability` asks: six times spread over 30 days of ten practitioners."""
    async with _session(diaries.small) as in_small, _session(diaries.large) as in_large:
        small, large = (
            Side(session, _AVAILABILITY, (diary.clinics, diary.monday))
            for session, diary in ((in_small, diaries.small), (in_large, diaries.large))
        )
        await _take_turns(diaries, "availability", (small, large))
    detail: dict[str, object] = {"cpu_ratio": _cpu_ratio(large, small)}
    name = "availability of 30 days × 10 practitioners,"
    counts = [f"{diary.appointments:,}" for diary in (diaries.small, diaries.large)]
    return [
        Figure(f"{name} {counts[0]} appointments, p50", small.p50_ms, "ms", detail=small.detail()),
        Figure(
            f"{name} {counts[1]} appointments, p50", large.p50_ms, "ms", 5.0, detail=large.detail()
        ),
        Figure("availability, large ÷ small", large.p50_ms / small.p50_ms, "", 1.3, detail=detail),
    ]


async def measure_refusals(diaries: Diaries) -> list[Figure]:
    """A refused booking with three alternatives against one that looks for none."""
    figures = []
    async with run_api(diaries.large.url) as api, _connected(api) as call:
        for anybody, asked_for in ((False, "one practitioner asked for"), (True, "anybody")):
            in_sql = await _refusals_in_sql(diaries, anybody=anybody)
            over_http = await _refusals_over_http(diaries, call, anybody=anybody)
            for where, (plain, helpful) in (("in SQL", in_sql), ("over HTTP", over_http)):
                name = f"refusal with {ALTERNATIVES} alternatives ÷ without, {asked_for}, {where}"
                detail: dict[str, object] = {
                    "without_ms": round(plain.p50_ms, 3),
                    "with_ms": round(helpful.p50_ms, 3),
                    "cpu_ratio": _cpu_ratio(helpful, plain),
                    "calls": len(plain.ms),
                }
                ratio = helpful.p50_ms / plain.p50_ms
                figures.append(Figure(name, ratio, "", 2.0, detail=detail))
    return figures


async def _refusals_in_sql(diaries: Diaries, *, anybody: bool) -> tuple[Side, Side]:
    arguments = (diaries.large.clinics, diaries.large.monday, anybody)
    async with _session(diaries.large) as one, _session(diaries.large) as other:
        plain, helpful = (
            Side(session, _REFUSALS, (*arguments, alternatives))
            for session, alternatives in ((one, 0), (other, ALTERNATIVES))
        )
        await _take_turns(diaries, "refusals in SQL", (plain, helpful))
    return plain, helpful
async def _nine_o_clock(diary: Diary, clinic: int, *, anybody: bool) -> dict[str, object]:
    """A booking nobody can have."""
    row = await diary.owner.fetchrow(
        "SELECT bench.time_of(bench.weekday($1, 5 + $2 % 20), 0), "
        "bench.id_of('practitioner', $2, $2 % 10)",
        diary.monday,
        clinic,
    )
    assert row is not None
    asked_for = {} if anybody else {"p_practitioner_id": str(row[1])}
    return {
        "p_patient_name": "Maya Okafor",
        "p_patient_phone": "+447700900456",
        "p_service_type": "consultation",
        "p_scheduled_at": row[0].isoformat(),
        **asked_for,
    }


@contextlib.asynccontextmanager
async def _connected(api: ApiProcess) -> AsyncIterator[Call]:
    """Calls one after the other on one connection, by as little as an HTTP client can be."""
    reader, writer = await asyncio.open_connection(api.host, api.port)

    async def call(key: str, parameters: dict[str, object]) -> tuple[dict[str, Any], float]:
        body = json.dumps(parameters).encode()
        head = (
            f"POST {_RPC} HTTP/1.1\r\nHost: {api.host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        length = re.search(rb"content-length: *(\d+)", await reader.readuntil(b"\r\n\r\n"))
        if length is None:
            raise ProofError("The API's answer has no length.")
        answer = await reader.readexactly(int(length[1]))
        return json.loads(answer), time.perf_counter() - began

    try:
        yield call
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def _session(diary: Diary) -> AsyncIterator[asyncpg.Connection]:
    """As the API's role."""
    async with Target(diary.url).owner() as session:
        await session.execute(f"SET ROLE {API_ROLE}")
        yield session


async def _take_turns(diaries: Diaries, what: str, sides: tuple[Side, Side]) -> None:
    """Call after call in small turns, each side first as often as the other."""
    diaries.progress(f"{what}: {diaries.seconds:g} s")
    for side in sides:
        await side.warm_up()
    ends = time.perf_counter() + diaries.seconds
    while time.perf_counter() < ends:
        for side in (*sides, *reversed(sides)):
            await side.call(CALLS_PER_TURN)
    if wrong := sum(side.wrong for side in sides):
        diaries.wrong.append(f"{what}: {wrong} answers weren't as they must be")


async def _key(diary: Diary, clinic: int) -> str:
    organization = await diary.owner.fetchval("SELECT bench.id_of('clinic', $1, 0)", clinic)
    return await create_key(diary.owner, organization, "agent")


def _cpu_ratio(one: Side, other: Side) -> float | None:
    if one.cpu_ms is None or other.cpu_ms is None:
        return None
    return round(one.cpu_ms / other.cpu_ms, 3)


async def _cpu_seconds(session: asyncpg.Connection) -> float | None:
    """What the session's server process has used so far; None where it isn't one of this machine's,
    which its title tells: the name of a scratch database is nobody else's.
    """
    process = Path("/proc") / str(session.get_server_pid())
    try:
        title = (process / "cmdline").read_text()
        used = (process / "schedstat").read_text()
    except OSError:
        return None
    if await session.fetchval("SELECT current_database()") not in title:
        return None
    return int(used.split()[0]) / 1e9

"""Availability and refusals: what the diary answers, and whether its size matters.

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

from voxanne.booking.outcomes import Outcome
from voxanne.postgres.organizations import create_key
from voxanne.postgres.pool import API_ROLE
from voxanne.stress.api_process import ApiProcess, run_api
from voxanne.stress.diary_data import APPOINTMENTS_MIN, Diary, open_diary
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.load import percentile
from voxanne.stress.scratch import ProofError, Target

ALTERNATIVES: Final = 3
CALLS_PER_TURN: Final = 25
WARM_UP_CALLS: Final = 10  # the first ones of a session plan, and fill the caches
HTTP_CLINICS: Final = 10
_AVAILABILITY: Final = "CALL bench.time_availability($1, $2, $3)"
_REFUSALS: Final = "CALL bench.time_refusals($1, $2, $3, $4, $5)"
_RPC: Final = "/rest/v1/rpc/book_appointment_atomic"


@dataclass(slots=True)
class Diaries:
    """The stage. `wrong` collects what must not happen at any speed."""

    small: Diary
    large: Diary
    seconds: float
    progress: Progress
    wrong: list[str]
    next_ticket: int = 0


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
    """Calls of one kind in one session, timed by the server. `cpu_seconds`: of its server process;
    None where that is on another machine.
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

    async def warm_up(self, calls: int = WARM_UP_CALLS) -> None:
        await self.call(calls)
        self.ms, self.cpu_seconds = [], None

    @property
    def cpu_ms_per_call(self) -> float | None:
        return None if self.cpu_seconds is None else 1000 * self.cpu_seconds / len(self.ms)


async def measure_availability(diaries: Diaries) -> list[Figure]:
    """What `checkAvailability` asks: six times spread over 30 days of ten practitioners."""
    figures = []
    async with _session(diaries.small) as in_small, _session(diaries.large) as in_large:
        small = Side(in_small, _AVAILABILITY, (diaries.small.clinics, diaries.small.monday))
        large = Side(in_large, _AVAILABILITY, (diaries.large.clinics, diaries.large.monday))
        await _take_turns(diaries, "availability", small, large)
    for side, diary, target in ((small, diaries.small, None), (large, diaries.large, 5.0)):
        name = f"availability, 30 days × 10 practitioners, {diary.appointments:,} appointments"
        detail: dict[str, object] = {"calls": len(side.ms)}
        if side.cpu_ms_per_call is not None:
            detail["cpu_ms_per_call"] = round(side.cpu_ms_per_call, 3)
        p99 = percentile(sorted(side.ms), 99)
        figures.append(Figure(f"{name}, p50", p50(side.ms), "ms", target, detail=detail))
        figures.append(Figure(f"{name}, p99", p99, "ms"))
    ratio = p50(large.ms) / p50(small.ms)
    return [
        *figures,
        Figure("availability, large ÷ small", ratio, "", 1.3, detail=_cpu(large, small)),
    ]


async def measure_refusals(diaries: Diaries) -> list[Figure]:
    """A refused booking with three alternatives against one that looks for none."""
    figures = []
    async with run_api(diaries.large.url) as api:
        for anybody, asked_for in ((False, "one practitioner asked for"), (True, "anybody")):
            name = f"refusal with {ALTERNATIVES} alternatives ÷ without, {asked_for}"
            figures.append(await _refusals_in_sql(diaries, name, anybody=anybody))
            figures.append(await _refusals_over_http(diaries, api, name, anybody=anybody))
    return figures


async def _refusals_in_sql(diaries: Diaries, name: str, *, anybody: bool) -> Figure:
    arguments = (diaries.large.clinics, diaries.large.monday, anybody)
    async with _session(diaries.large) as one, _session(diaries.large) as other:
        without = Side(one, _REFUSALS, (*arguments, 0))
        helpful = Side(other, _REFUSALS, (*arguments, ALTERNATIVES))
        await _take_turns(diaries, "refusals in SQL", without, helpful)
    return _refusals(f"{name}, in SQL", without.ms, helpful.ms, _cpu(helpful, without))


async def _refusals_over_http(
    diaries: Diaries, api: ApiProcess, name: str, *, anybody: bool
) -> Figure:
    """By the remote procedure, whose callers may say how many alternatives they want."""
    took: dict[int, list[float]] = {0: [], ALTERNATIVES: []}
    wrong = 0
    asked = [
        await _nine_o_clock(diaries.large, number, anybody=anybody)
        for number in range(HTTP_CLINICS)
    ]
    diaries.progress(f"refusals over HTTP: {diaries.seconds:g} s")
    ends = time.perf_counter() + diaries.seconds
    async with _connected(api) as call:
        while time.perf_counter() < ends or not took[ALTERNATIVES]:
            for key, wanted in asked:
                for alternatives, ms in (*took.items(), *reversed(took.items())):
                    answer, seconds = await call(key, {**wanted, "p_alternatives": alternatives})
                    ms.append(1000 * seconds)
                    offered = len(answer.get("alternatives", "?"))
                    wrong += offered != alternatives and answer.get("code") != Outcome.BUSY
    if wrong:
        diaries.wrong.append(f"refusals over HTTP: {wrong} answers weren't as they must be")
    # The first calls of each of the API's sessions plan.
    without, helpful = (ms[len(ms) // 4 :] for ms in took.values())
    return _refusals(f"{name}, over HTTP", without, helpful, {})


def _refusals(
    name: str, without: list[float], helpful: list[float], more: dict[str, object]
) -> Figure:
    detail: dict[str, object] = {
        "without_ms": round(p50(without), 3),
        "with_ms": round(p50(helpful), 3),
        "calls": len(helpful),
        **more,
    }
    return Figure(name, p50(helpful) / p50(without), "", 2.0, detail=detail)


async def _nine_o_clock(
    diary: Diary, number: int, *, anybody: bool
) -> tuple[str, dict[str, object]]:
    """A clinic's key, and a booking there that nobody can have."""
    clinic = 1 + number % diary.clinics
    row = await diary.owner.fetchrow(
        "SELECT bench.id_of('clinic', $2, 0) AS clinic, "
        "bench.id_of('practitioner', $2, $2 % 10) AS practitioner, "
        "bench.time_of(bench.weekday($1, 5 + $2 % 20), 0) AS starts_at",
        diary.monday,
        clinic,
    )
    assert row is not None
    wanted: dict[str, object] = {
        "p_patient_name": "Maya Okafor",
        "p_patient_phone": "+447700900456",
        "p_service_type": "consultation",
        "p_scheduled_at": row["starts_at"].isoformat(),
    }
    if not anybody:
        wanted["p_practitioner_id"] = str(row["practitioner"])
    return await create_key(diary.owner, row["clinic"], "agent"), wanted


# A key and the parameters of a booking → the answer, and the seconds it took.
Call = Callable[[str, dict[str, object]], Awaitable[tuple[dict[str, Any], float]]]


@contextlib.asynccontextmanager
async def _connected(api: ApiProcess) -> AsyncIterator[Call]:
    """One connection, one call after the other, and no client that takes a share of the time."""
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


async def _take_turns(diaries: Diaries, what: str, one: Side, other: Side) -> None:
    """A few calls each by turns, so that the machine's moods hit both; each is first as often."""
    diaries.progress(f"{what}: {diaries.seconds:g} s")
    for side in (one, other):
        await side.warm_up()
    ends = time.perf_counter() + diaries.seconds
    while time.perf_counter() < ends or not other.ms:
        for side in (one, other, other, one):
            await side.call(CALLS_PER_TURN)
    if wrong := one.wrong + other.wrong:
        diaries.wrong.append(f"{what}: {wrong} answers weren't as they must be")


def p50(ms: list[float]) -> float:
    return statistics.median(ms)


def _cpu(one: Side, other: Side) -> dict[str, object]:
    """The ratio that a busy machine does less to."""
    if one.cpu_ms_per_call is None or other.cpu_ms_per_call is None:
        return {}
    return {"cpu_ratio": round(one.cpu_ms_per_call / other.cpu_ms_per_call, 3)}


async def _cpu_seconds(session: asyncpg.Connection) -> float | None:
    """What the session's server process has used so far. That it is one of this machine's is told
    by its title: the name of a scratch database is nobody else's.
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

"""Measurements of the diary: availability, refusals with alternatives, holds, reschedules.

Two databases, a small diary and a large one, stand side by side while they are compared.
"""

import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from voxanne.postgres.organizations import create_key
from voxanne.postgres.pool import API_ROLE
from voxanne.stress.api_process import ApiProcess, put_load, run_api
from voxanne.stress.diary_data import APPOINTMENTS_MIN, Diary, open_diary
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.load import Plan, Result, percentile
from voxanne.stress.scratch import Target

ALTERNATIVES: Final = 3
CALLS_PER_TURN: Final = 25
WARM_UP_CALLS: Final = 10  # a session's first calls plan, and the sixth may plan again
HTTP_TURN_SECONDS: Final = 1.0
HTTP_CLINICS: Final = 10
_AVAILABILITY: Final = "CALL bench.time_availability($1, $2, $3)"
_REFUSALS: Final = "CALL bench.time_refusals($1, $2, $3, $4, $5)"


@dataclass(slots=True)
class Diaries:
    """The stage. `wrong` collects what must not happen at any speed."""

    small: Diary
    large: Diary
    seconds: float
    progress: Progress
    wrong: list[str]
    next_caller: int = 1
    next_ticket: int = 0


Measurement = Callable[[Diaries], Awaitable[list[Figure]]]


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
    for anybody, of_whom in ((False, "one practitioner"), (True, "any practitioner")):
        async with _session(diaries.large) as first, _session(diaries.large) as second:
            arguments = (diaries.large.clinics, diaries.large.monday, anybody)
            plain, helpful = (
                Side(session, _REFUSALS, (*arguments, alternatives))
                for session, alternatives in ((first, 0), (second, ALTERNATIVES))
            )
            await _take_turns(diaries, f"refusals by {of_whom}", (plain, helpful))
        name = f"refusal with {ALTERNATIVES} alternatives ÷ without, {of_whom}, in SQL"
        detail: dict[str, object] = {
            "without_ms": round(plain.p50_ms, 3),
            "with_ms": round(helpful.p50_ms, 3),
            "cpu_ratio": _cpu_ratio(helpful, plain),
        }
        figures.append(Figure(name, helpful.p50_ms / plain.p50_ms, "", 2.0, detail=detail))
    return [*figures, await _refusals_over_http(diaries)]


async def _refusals_over_http(diaries: Diaries) -> Figure:
    """Over the voice endpoint, one connection; the database's default decides on alternatives."""
    diary = diaries.large
    rounds = max(1, round(diaries.seconds / (2 * HTTP_TURN_SECONDS)))
    keys = [await _key(diary, clinic) for clinic in range(1, min(diary.clinics, HTTP_CLINICS) + 1)]
    nine_o_clock = await diary.owner.fetchval(
        "SELECT bench.time_of(bench.weekday($1, 12), 0)", diary.monday
    )
    results: dict[int, list[Result]] = {0: [], ALTERNATIVES: []}
    async with run_api(diary.url) as api:
        for number in range(rounds):
            for alternatives, found in results.items():
                await diary.owner.execute("CALL bench.set_alternatives($1)", alternatives)
                key = keys[number % len(keys)]
                await _refuse(diaries, api, key, nine_o_clock, requests=2 * WARM_UP_CALLS)
                found.append(await _refuse(diaries, api, key, nine_o_clock))
            diaries.progress(f"refusals over HTTP: round {number + 1} of {rounds}")
    without, with_them = (
        statistics.median(result.p50_ms for result in found) for found in results.values()
    )
    detail: dict[str, object] = {
        "without_ms": round(without, 2),
        "with_ms": round(with_them, 2),
        "requests": sum(result.requests for found in results.values() for result in found),
    }
    name = f"refusal with {ALTERNATIVES} alternatives ÷ without, any practitioner, over HTTP"
    return Figure(name, with_them / without, "", 2.0, detail=detail)


async def _refuse(
    diaries: Diaries, api: ApiProcess, key: str, start: datetime, requests: int | None = None
) -> Result:
    plan = Plan(
        host=api.host,
        port=api.port,
        keys=(key,),
        first_day=f"{start:%Y-%m-%dT%H:%M}",
        days=1,
        first_request=diaries.next_caller,
        connections=1,
        requests=requests,
        seconds=None if requests else HTTP_TURN_SECONDS,
        same_slot=True,
    )
    result = await put_load(plan)
    diaries.next_caller += result.requests
    if result.outcomes.keys() - {"SLOT_UNAVAILABLE", "BUSY"}:
        diaries.wrong.append(f"refusals: not every request was refused: {result.outcomes}")
    return result


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

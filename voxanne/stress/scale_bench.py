"""Whether a hundred times as many clinics cost each of them anything.

Two databases stand side by side: clinics of one and the same shape, a hundred times as many in
the large one. The same kind of call goes to both by turns, in as many clinics of each, so that
either side's pages are as warm: what differs is how much else lies beside them.
"""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from voxanne.postgres.pool import API_ROLE
from voxanne.stress.diary_bench import Side, p50
from voxanne.stress.diary_data import Diary, loaded_diary
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.scratch import Target

APPOINTMENTS_PER_CLINIC: Final = 1_000
SMALLER: Final = 100  # times
CLINICS_MIN: Final = 4
DAYS_AHEAD: Final = 14  # weekdays; what is left of a clinic's appointments lies before
WAITING: Final = 100  # deliveries due in each clinic
CLAIMED_MAX: Final = 32  # at once, each of another clinic
RATIO_MAX: Final = 1.3
CALLS_PER_TURN: Final = 10
WARM_UP_CALLS: Final = 20
CLAIMS_SHARE_MAX: Final = 0.8  # of the smaller one's queue, which must not run dry
LATER_DAYS: Final = 120  # bookings anywhere are further ahead than the others
KINDS: Final = {
    "booking": "booking",
    "availability": "availability, 30 days × 10 practitioners",
    "timeline": "timeline of a lead",
    "day": "day view",
    "claim": "claim of deliveries",
}
_TIME: Final = "CALL bench.time_scale($1, $2, $3, $4, $5, $6, $7, $8)"


async def measure_scale(
    owner_url: str,
    superuser_url: str | None,
    appointments: int,
    seconds: float,
    progress: Progress,
) -> tuple[list[Figure], list[str]]:
    """The figures, and what was wrong. About so many appointments in the large database."""
    clinics = max(CLINICS_MIN, round(appointments / APPOINTMENTS_PER_CLINIC))
    began = time.perf_counter()
    async with (
        _loaded(owner_url, superuser_url, max(CLINICS_MIN, clinics // SMALLER), progress) as small,
        _loaded(owner_url, superuser_url, clinics, progress) as large,
    ):
        size = await large.owner.fetchval("SELECT pg_database_size(current_database())")
        loaded_seconds = time.perf_counter() - began
        progress(f"loaded {size / 1e9:.1f} GB in {loaded_seconds:.0f} s")
        figures: list[Figure] = []
        wrong: list[str] = []
        for kind in KINDS:
            progress(f"scale, {kind}: {seconds:g} s")
            figures.append(await _measure(kind, small, large, seconds, wrong))
        progress(f"scale, idle: {seconds:g} s")
        figures.append(await _measure_idle(large, seconds, wrong))
        figures[0].detail.update(gigabytes=round(size / 1e9, 1), load_seconds=round(loaded_seconds))
        return figures, wrong


def _loaded(
    owner_url: str, superuser_url: str | None, clinics: int, progress: Progress
) -> contextlib.AbstractAsyncContextManager[Diary]:
    return loaded_diary(
        owner_url,
        superuser_url,
        clinics,
        APPOINTMENTS_PER_CLINIC,
        progress,
        days_ahead=DAYS_AHEAD,
        waiting=WAITING,
    )


async def _measure(
    kind: str, small: Diary, large: Diary, seconds: float, wrong: list[str]
) -> Figure:
    """The large one's median ÷ the small one's. `anywhere_ms`: the large one's where the calls go
    to all of its clinics at random, as cold as the machine's memory leaves them.
    """
    async with _session(small) as in_small, _session(large) as in_large:
        at_once = min(CLAIMED_MAX, small.clinics)
        claims_max = CLAIMS_SHARE_MAX * WAITING * small.clinics / at_once
        one = _side(in_small, kind, small, small.clinics, at_once)
        other = _side(in_large, kind, large, small.clinics, at_once)
        anywhere = _side(in_large, kind, large, large.clinics, at_once, later=LATER_DAYS)
        for side in (one, other):
            await side.warm_up(WARM_UP_CALLS)
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends or not other.ms:
            for side in (one, other, other, one):
                await side.call(CALLS_PER_TURN)
            if kind == "claim" and WARM_UP_CALLS + len(one.ms) >= claims_max:
                break
        if kind != "claim":  # which are of any clinic always
            await anywhere.call(len(other.ms))
    if bad := one.wrong + other.wrong + anywhere.wrong:
        wrong.append(f"scale, {kind}: {bad} answers weren't as they must be")
    detail: dict[str, object] = {
        f"at_{small.appointments}_ms": round(p50(one.ms), 3),
        f"at_{large.appointments}_ms": round(p50(other.ms), 3),
        "calls": len(other.ms),
    }
    if anywhere.ms:
        detail["anywhere_ms"] = round(p50(anywhere.ms), 3)
    if one.cpu_ms_per_call and other.cpu_ms_per_call:
        detail["cpu_ratio"] = round(other.cpu_ms_per_call / one.cpu_ms_per_call, 3)
    name = f"{KINDS[kind]}, {large.appointments:,} ÷ {small.appointments:,} appointments"
    return Figure(name, p50(other.ms) / p50(one.ms), "", RATIO_MAX, detail=detail)


async def _measure_idle(large: Diary, seconds: float, wrong: list[str]) -> Figure:
    """What a worker's look at a channel costs when every clinic has something that waits, and
    nothing is due.
    """
    async with _session(large) as session:
        side = _side(session, "idle", large, large.clinics, CLAIMED_MAX)
        await side.warm_up(1)
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends or not side.ms:
            await side.call(1)
    if side.wrong:
        wrong.append("scale, idle: something was claimed that isn't due")
    name = f"a look for due deliveries that finds none, {large.clinics:,} clinics waiting"
    return Figure(name, p50(side.ms), "ms", detail={"calls": len(side.ms)})


def _side(
    session: asyncpg.Connection,
    kind: str,
    diary: Diary,
    sample: int,
    at_once: int,
    later: int = DAYS_AHEAD + 1,
) -> Side:
    return Side(
        session, _TIME, (kind, diary.clinics, sample, diary.leads, diary.monday, later, at_once)
    )


@contextlib.asynccontextmanager
async def _session(diary: Diary) -> AsyncIterator[asyncpg.Connection]:
    """As the API's role."""
    async with Target(diary.url).owner() as session:
        await session.execute(f"SET ROLE {API_ROLE}")
        yield session

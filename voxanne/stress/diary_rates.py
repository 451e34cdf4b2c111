"""Holds and reschedules per second against bare INSERTs into the same table, by pgbench."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from voxanne.postgres.pool import API_ROLE
from voxanne.stress.diary_bench import Diaries
from voxanne.stress.diary_data import APPOINTMENTS_PER_DAY, read_sql
from voxanne.stress.figure import ROUND_SECONDS, Figure, rounds_of
from voxanne.stress.pgbench import CLIENTS, run_pgbench

MOVED_DAYS: Final = 24  # of each clinic, see sql/move.sql
REFUSED_SHARE_MAX: Final = 0.001
_HELD: Final = "SELECT count(*) FROM appointments WHERE status = 'held'"
_MOVED: Final = "SELECT count(*) FROM events WHERE kind = 'moved'"


@dataclass(slots=True)
class Rate:
    """Rounds of one script, summed up. `stored`: what the tables say came of it."""

    sent: int = 0
    stored: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.stored / self.seconds


async def measure_holds(diaries: Diaries) -> list[Figure]:
    """Each round's holds are deleted, so that no clinic keeps hundreds at a time."""
    asked, of_anybody, inserts = Rate(), Rate(), Rate()
    async for seconds in _rounds(diaries, "holds", (asked, of_anybody, inserts)):
        for rate, named in ((asked, 1), (of_anybody, 0)):
            await _run(diaries, "hold.sql", seconds, rate, counted=_HELD, named=named)
            await diaries.large.owner.execute("DELETE FROM appointments WHERE status = 'held'")
        await _run(diaries, "insert.sql", seconds, inserts)
    return [
        _figure(diaries, "holds with one practitioner", asked, inserts),
        _figure(diaries, "holds with any of 10 practitioners", of_anybody, inserts),
    ]


async def measure_reschedules(diaries: Diaries) -> list[Figure]:
    """An appointment that comes again goes to another week than before, see sql/move.sql."""
    moves, inserts, turn = Rate(), Rate(), 0
    appointments = diaries.large.clinics * MOVED_DAYS * APPOINTMENTS_PER_DAY
    async for seconds in _rounds(diaries, "reschedules", (moves, inserts)):
        sent = moves.sent
        await _run(diaries, "move.sql", seconds, moves, counted=_MOVED, turn=turn)
        turn += 1 + _numbers_used(moves.sent - sent) // appointments
        await _run(diaries, "insert.sql", seconds, inserts)
    return [_figure(diaries, "reschedules", moves, inserts)]


async def _rounds(diaries: Diaries, what: str, rates: Sequence[Rate]) -> AsyncIterator[int]:
    """The seconds of each round; before them one to warm up, where there is time for it."""
    rounds, seconds = rounds_of(diaries.seconds)
    if diaries.seconds >= ROUND_SECONDS:
        yield 1
        for rate in rates:
            rate.stored, rate.sent, rate.seconds = 0, 0, 0.0
    for number in range(1, rounds + 1):
        yield seconds
        diaries.progress(f"{what}: round {number} of {rounds}")


async def _run(
    diaries: Diaries,
    script: str,
    seconds: int,
    rate: Rate,
    counted: str | None = None,
    **variables: int,
) -> None:
    """A round. Without a query to count by, a transaction that fails ends pgbench."""
    diary = diaries.large
    before = await diary.owner.fetchval(counted) if counted else 0
    done = await run_pgbench(
        diary.url,
        read_sql(script),
        seconds=seconds,
        variables={
            "clinics": diary.clinics,
            "leads": diary.leads,
            "first_loaded": diary.first_day,
            "monday": (diary.monday - date(1970, 1, 1)).days,
            "first": diaries.next_ticket,
            **variables,
        },
        role=API_ROLE if counted else None,
    )
    diaries.next_ticket += _numbers_used(done.transactions)
    after = await diary.owner.fetchval(counted) if counted else done.transactions
    rate.sent += done.transactions
    rate.stored += after - before
    rate.seconds += done.seconds


def _numbers_used(transactions: int) -> int:
    """At most: the clients count for themselves, and some are quicker."""
    return 3 * transactions + CLIENTS


def _figure(diaries: Diaries, what: str, rate: Rate, inserts: Rate) -> Figure:
    refused_share = 1 - rate.stored / max(1, rate.sent)
    if refused_share > REFUSED_SHARE_MAX:
        diaries.wrong.append(f"{what}: {refused_share:.1%} were refused")
    detail: dict[str, object] = {
        "per_second": round(rate.per_second),
        "inserts_per_second": round(inserts.per_second),
        "refused_share": round(refused_share, 4),
    }
    name = f"{what} in SQL ÷ single-row INSERTs"
    return Figure(name, rate.per_second / inserts.per_second, "", detail=detail)

"""What must happen although nobody asks: lapsed offers go to the next who waits, lapsed holds are
tidied away, patients are reminded; and whatever else is given as a chore.

Any number of processes may do them: the database's locks decide who does what.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from voxanne.booking.functions import Database

ORGANIZATIONS_MAX: Final = 100
OFFERS_MAX: Final = 50
BATCHES_MAX: Final = 20

log = structlog.get_logger("voxanne.chores")


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so often. `run` does one round and returns how much there was to do."""

    name: str
    every_seconds: float
    run: Callable[[], Awaitable[int]]


def chores_of_the_diary(database: Database) -> list[Chore]:
    return [
        Chore("waitlist", 5.0, lambda: tidy_up(database)),
        Chore("reminders", 30.0, lambda: remind(database)),
        Chore("sign-ins", 600.0, lambda: sweep_sign_ins(database)),
    ]


async def run_chores(chores: Iterable[Chore], stop: asyncio.Event) -> None:
    """Each in a loop of its own, until `stop` is set; a round under way is cut short then."""
    tasks = [asyncio.create_task(_repeat(chore)) for chore in chores]
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def tidy_up(database: Database) -> int:
    """Returns how many offers and holds it ended. Raises as `take_turns` does."""

    async def tidy(organization: UUID) -> int:
        ended = 0
        for _ in range(OFFERS_MAX):
            if not await database.fetch_value("SELECT advance_waitlist($1)", organization):
                break
            ended += 1
        return ended + int(str(await database.fetch_value("SELECT sweep_holds($1)", organization)))

    organizations = await find_organizations(database, "organizations_with_lapsed_holds")
    return await take_turns("waitlist", organizations, tidy)


async def remind(database: Database) -> int:
    """Returns how many reminders it queued. Raises as `take_turns` does."""

    async def queue(organization: UUID) -> int:
        return int(str(await database.fetch_value("SELECT queue_reminders($1)", organization)))

    queued = 0
    while True:
        before = queued
        organizations = await find_organizations(database, "organizations_with_due_reminders")
        queued += await take_turns("reminders", organizations, queue)
        # What is left now is being changed by somebody: the next round sees to it.
        if len(organizations) < ORGANIZATIONS_MAX or queued == before:
            return queued


async def sweep_sign_ins(database: Database) -> int:
    """Returns how many sessions, links and counted attempts it deleted. Raises what the database
    raises.
    """
    return int(str(await database.fetch_value("SELECT sweep_sign_ins()")))


async def find_organizations(database: Database, function: str) -> list[UUID]:
    """Whom `function` (organizations_with_….sql) names, at most ORGANIZATIONS_MAX. Raises what the
    database raises. The function's name must be the program's: it becomes part of the query.
    """
    found = await database.fetch_value(f"SELECT {function}($1)", ORGANIZATIONS_MAX)
    return [UUID(organization) for organization in json.loads(str(found))]


async def take_turns(
    work: str, organizations: Iterable[UUID], turn: Callable[[UUID], Awaitable[int]]
) -> int:
    """`turn` for each organization. Returns how much there was. Where one's fails the others still
    have theirs; then the last failure is raised. `work`: what it is called in the log.
    """
    done = 0
    failure: Exception | None = None
    for organization in organizations:
        try:
            done += await turn(organization)
        except Exception as error:
            failure = error
            log.warning(
                "an organization's turn failed",
                function=work,
                organization=str(organization),
                bug=type(error).__name__,
            )
    if failure is not None:
        raise failure
    return done


async def until_done(batch: Callable[[], Awaitable[int]]) -> int:
    """One batch after the other, until there is nothing left or it has been its turn for long
    enough. Returns how much there was.
    """
    done = 0
    for _ in range(BATCHES_MAX):
        dealt_with = await batch()
        done += dealt_with
        if dealt_with == 0:
            break
    return done


async def in_batches(database: Database, whose: str, function: str) -> int:
    """The SQL `function` for each organization that `whose` finds, a batch at a time. Returns how
    much there was. Raises as `take_turns` does.
    """

    async def turn(organization: UUID) -> int:
        async def batch() -> int:
            return int(str(await database.fetch_value(f"SELECT {function}($1)", organization)))

        return await until_done(batch)

    return await take_turns(function, await find_organizations(database, whose), turn)


async def _repeat(chore: Chore) -> None:
    while True:
        try:
            await chore.run()
        except Exception as error:
            # The database or a vendor may be away; the next round finds whatever this one left.
            log.warning("a chore failed", chore=chore.name, bug=type(error).__name__)
        await asyncio.sleep(chore.every_seconds)

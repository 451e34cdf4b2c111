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
    """Returns how many offers and holds it ended. Raises what the database raises."""
    ended = 0
    for organization in await find_organizations(database, "organizations_with_lapsed_holds"):
        for _ in range(OFFERS_MAX):
            if not await database.fetch_value("SELECT advance_waitlist($1)", organization):
                break
            ended += 1
        swept = await database.fetch_value("SELECT sweep_holds($1)", organization)
        ended += int(str(swept))
    return ended


async def remind(database: Database) -> int:
    """Returns how many reminders it queued. Raises what the database raises."""
    queued = 0
    while True:
        before = queued
        organizations = await find_organizations(database, "organizations_with_due_reminders")
        for organization in organizations:
            made = await database.fetch_value("SELECT queue_reminders($1)", organization)
            queued += int(str(made))
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


async def in_batches(database: Database, whose: str, function: str) -> int:
    """`function` for each organization that `whose` finds, until it has nothing left, or its turn
    is over. Returns how much there was. Raises what the database raises; where that was for one
    organization, after the others had their turn, and the last of it.
    """
    done = 0
    failure: Exception | None = None
    for organization in await find_organizations(database, whose):
        try:
            done += await _batches_of(database, function, organization)
        except Exception as error:
            failure = error
            log.warning(
                "an organization's turn failed",
                function=function,
                organization=str(organization),
                bug=type(error).__name__,
            )
    if failure is not None:
        raise failure
    return done


async def _batches_of(database: Database, function: str, organization: UUID) -> int:
    done = 0
    for _ in range(BATCHES_MAX):
        batch = int(str(await database.fetch_value(f"SELECT {function}($1)", organization)))
        done += batch
        if batch == 0:
            break
    return done


async def _repeat(chore: Chore) -> None:
    while True:
        try:
            await chore.run()
        except Exception as error:
            # The database or a vendor may be away; the next round finds whatever this one left.
            log.warning("a chore failed", chore=chore.name, bug=type(error).__name__)
        await asyncio.sleep(chore.every_seconds)

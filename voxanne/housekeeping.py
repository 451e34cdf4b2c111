"""What must happen although nobody calls: a waitlist offer that lapsed goes to the next who waits,
and holds that lapsed are tidied away.

Any number of processes may do it: the database's locks decide who does what.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import structlog

from voxanne.booking.functions import Database

PAUSE_SECONDS: Final = 5.0
ORGANIZATIONS_MAX: Final = 100
OFFERS_MAX: Final = 50

log = structlog.get_logger("voxanne.housekeeping")


@contextlib.asynccontextmanager
async def housekeeping(database: Database) -> AsyncIterator[None]:
    """Keep house as long as the context is open."""
    task = asyncio.create_task(_keep_house(database))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def tidy_up(database: Database) -> int:
    """One round. Returns how many offers and holds it ended. Raises what the database raises."""
    found = await database.fetch_value(
        "SELECT organizations_with_lapsed_holds($1)", ORGANIZATIONS_MAX
    )
    ended = 0
    for organization in map(UUID, json.loads(str(found))):
        for _ in range(OFFERS_MAX):
            if not await database.fetch_value("SELECT advance_waitlist($1)", organization):
                break
            ended += 1
        swept = await database.fetch_value("SELECT sweep_holds($1)", organization)
        ended += int(str(swept))
    return ended


async def _keep_house(database: Database) -> None:
    while True:
        try:
            await tidy_up(database)
        except Exception as error:
            # The database may be away for a while; the next round finds whatever this one left.
            log.warning("housekeeping failed", bug=type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)

"""The guards taken away, one by one: what must then go wrong does, or the races prove nothing.

The advisory lock alone is not enough where a snapshot is older than the lock; the constraints alone
are. With neither, SERIALIZABLE is still safe.
"""

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg
import pytest

from tests.concurrency.sessions import (
    ISOLATIONS,
    TAKEN,
    Isolation,
    begin,
    caller,
    double_bookings,
    wait_until_waiting,
)
from tests.database import Database

NO_LOCK = """
CREATE OR REPLACE FUNCTION lock_diary(
  p_org_id uuid, p_phone text, p_idempotency_key text, p_practitioners uuid[], p_rooms boolean,
  p_wait boolean
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END'
"""
NO_CONSTRAINTS = """
ALTER TABLE appointments
  DROP CONSTRAINT one_appointment_per_practitioner,
  DROP CONSTRAINT one_appointment_per_room
"""
SAFE, DOUBLE_BOOKED = 0, 1


async def remove(database: Database, *guards: str) -> None:
    for guard in guards:
        await (await database.owner()).execute(guard)


async def interleave(
    database: Database, org_id: UUID, isolation: Isolation
) -> tuple[Counter[str], int]:
    """The second's snapshot, the first's booking, the second's booking, both commits.

    Returns what the callers were told and the pairs of appointments that overlap.
    """
    first, second = await database.connect_api(), await database.connect_api()
    observer = await database.connect_owner()
    holding, rivalling = begin(first, isolation), begin(second, isolation)
    await holding.start()
    await rivalling.start()
    for session in (first, second):
        await session.fetch("SELECT FROM appointments")

    told = Counter({str((await database.book(first, org_id, **caller(1))).get("error", "booked"))})
    rival = asyncio.create_task(database.book(second, org_id, **caller(2)))
    waiting = asyncio.create_task(wait_until_waiting(observer, second))
    await asyncio.wait({rival, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        await holding.commit()
        answer = await rival
        await rivalling.commit()
        told[str(answer.get("error", "booked"))] += 1
    except asyncpg.SerializationError:
        told["serialization failure"] += 1
    await asyncio.gather(waiting, return_exceptions=True)
    return told, await double_bookings(observer)


@pytest.fixture
async def clinic(database: Database) -> UUID:
    """With a practitioner of its own: making the stand-in would serialize the callers too."""
    org_id = await database.organization()
    await database.practitioner(org_id)
    return org_id


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_with_both_guards_nobody_is_double_booked(
    database: Database, clinic: UUID, isolation: Isolation
) -> None:
    told, overlaps = await interleave(database, clinic, isolation)

    assert overlaps == SAFE
    assert told["booked"] == 1


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read"])
async def test_with_neither_guard_two_are_booked(
    database: Database, clinic: UUID, isolation: Isolation
) -> None:
    await remove(database, NO_LOCK, NO_CONSTRAINTS)

    told, overlaps = await interleave(database, clinic, isolation)

    assert told == {"booked": 2}
    assert overlaps == DOUBLE_BOOKED


async def test_with_neither_guard_serializable_is_still_safe(
    database: Database, clinic: UUID
) -> None:
    await remove(database, NO_LOCK, NO_CONSTRAINTS)

    told, overlaps = await interleave(database, clinic, "serializable")

    assert told == {"booked": 1, "serialization failure": 1}
    assert overlaps == SAFE


async def test_the_lock_alone_is_enough_at_read_committed(database: Database, clinic: UUID) -> None:
    await remove(database, NO_CONSTRAINTS)

    told, overlaps = await interleave(database, clinic, "read_committed")

    assert told == {"booked": 1, TAKEN: 1}
    assert overlaps == SAFE


async def test_the_lock_alone_double_books_at_repeatable_read(
    database: Database, clinic: UUID
) -> None:
    """Its snapshot is older than the lock it waited for."""
    await remove(database, NO_CONSTRAINTS)

    told, overlaps = await interleave(database, clinic, "repeatable_read")

    assert told == {"booked": 2}
    assert overlaps == DOUBLE_BOOKED


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_the_constraint_alone_is_enough_at_every_level(
    database: Database, clinic: UUID, isolation: Isolation
) -> None:
    await remove(database, NO_LOCK)

    told, overlaps = await interleave(database, clinic, isolation)

    assert overlaps == SAFE
    assert told["booked"] == 1
    if isolation != "serializable":
        assert told[TAKEN] == 1


async def test_without_the_practitioners_constraint_a_plain_insert_double_books(
    database: Database, clinic: UUID
) -> None:
    await remove(database, NO_CONSTRAINTS)
    api = await database.connect_api()
    booking = await database.book(api, clinic)

    await database.appointment(clinic, UUID(booking["practitioner_id"]))

    assert await double_bookings(api) == SAFE  # behind the wall it sees nothing
    assert await double_bookings(await database.owner()) == DOUBLE_BOOKED

"""Many callers at once, at every isolation level."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from tests.concurrency.sessions import (
    ISOLATIONS,
    TAKEN,
    Isolation,
    Race,
    begin,
    book_with_retries,
    caller,
    double_bookings,
    outcomes,
)
from tests.database import HOUR, START, Database

CALLERS = 30
every_isolation = pytest.mark.parametrize("isolation", ISOLATIONS)


@every_isolation
@pytest.mark.parametrize("practitioners", [0, 1])
async def test_thirty_callers_one_slot_one_booking(
    database: Database, organization: UUID, isolation: Isolation, practitioners: int
) -> None:
    for _ in range(practitioners):
        await database.practitioner(organization)
    race = Race(database, organization, isolation)

    answers = await race.run([caller(n) for n in range(CALLERS)])

    assert outcomes(answers) == {"booked": 1, TAKEN: CALLERS - 1}
    owner = await database.owner()
    for table, rows in {"appointments": 1, "leads": 1, "events": 1, "deliveries": 2}.items():
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == rows, table


@every_isolation
async def test_thirty_callers_three_practitioners_three_bookings(
    database: Database, organization: UUID, isolation: Isolation
) -> None:
    for _ in range(3):
        await database.practitioner(organization)
    race = Race(database, organization, isolation)

    answers = await race.run([caller(n) for n in range(CALLERS)])

    assert outcomes(answers) == {"booked": 3, TAKEN: CALLERS - 3}
    assert len({a["practitioner_id"] for a in answers if a["success"]}) == 3


@every_isolation
@pytest.mark.parametrize("practitioners", [0, 3])
async def test_callers_of_different_slots_all_succeed(
    database: Database, organization: UUID, isolation: Isolation, practitioners: int
) -> None:
    for _ in range(practitioners):
        await database.practitioner(organization)
    race = Race(database, organization, isolation)

    answers = await race.run(
        [caller(n) | {"scheduled_at": START + n * HOUR} for n in range(CALLERS)]
    )

    assert outcomes(answers) == {"booked": CALLERS}


async def test_no_call_needs_a_retry_at_read_committed(
    database: Database, organization: UUID
) -> None:
    """Any practitioner, named ones and rooms, all at once: the lock order leaves no deadlock."""
    doctors = [await database.practitioner(organization) for _ in range(4)]
    rooms = [await database.room(organization) for _ in range(2)]
    calls = [
        caller(n)
        | {"practitioner_id": [None, *doctors][n % 5], "room_id": [None, *rooms][n % 3]}
        | {"scheduled_at": START + n % 4 * HOUR}
        for n in range(CALLERS)
    ]
    sessions = await asyncio.gather(*(database.connect_api() for _ in calls))

    answers = await asyncio.gather(
        *(
            database.book(session, organization, **call)
            for session, call in zip(sessions, calls, strict=True)
        )
    )

    assert set(outcomes(answers)) <= {"booked", TAKEN}
    assert await double_bookings(await database.owner()) == 0


@every_isolation
async def test_one_caller_retrying_in_parallel_has_one_booking(
    database: Database, organization: UUID, isolation: Isolation
) -> None:
    race = Race(database, organization, isolation)

    answers = await race.run([caller(1) | {"idempotency_key": "call:tool"}] * 10)

    assert outcomes(answers) == {"booked": 10}
    assert sum(not answer["replayed"] for answer in answers) == 1
    assert len({answer["appointment_id"] for answer in answers}) == 1


@every_isolation
async def test_a_household_calling_at_once_stays_two_people(
    database: Database, organization: UUID, isolation: Isolation
) -> None:
    race = Race(database, organization, isolation)
    phone = {"patient_phone": "+442079460958"}

    await race.run([caller(n % 2) | phone | {"scheduled_at": START + n * HOUR} for n in range(12)])

    assert await (await database.owner()).fetchval("SELECT count(*) FROM leads") == 2


@every_isolation
async def test_thirty_callers_race_a_plain_insert(
    database: Database, organization: UUID, isolation: Isolation
) -> None:
    grey = await database.practitioner(organization)
    race = Race(database, organization, isolation)

    insert, answers = await asyncio.gather(
        database.appointment(organization, grey),
        race.run([caller(n) for n in range(CALLERS)]),
        return_exceptions=True,
    )

    assert isinstance(answers, list)
    inserted = isinstance(insert, UUID)
    assert inserted or isinstance(insert, asyncpg.ExclusionViolationError)
    assert outcomes(answers)["booked"] == (0 if inserted else 1)
    assert await double_bookings(await database.owner()) == 0


async def known_caller(database: Database, org_id: UUID) -> None:
    """Someone who has booked before: their lead exists."""
    await database.book(await database.owner(), org_id, **caller(1), scheduled_at=START + 5 * HOUR)


async def answer_to_a_stale_retry(
    database: Database, org_id: UUID, isolation: Isolation, key: dict[str, object]
) -> None:
    """The retry took its snapshot before the first try committed."""
    first, retry = await database.connect_api(), await database.connect_api()
    transaction = begin(retry, isolation)
    await transaction.start()
    await retry.fetch("SELECT FROM appointments")
    booked = await database.book(first, org_id, **caller(1), **key)
    try:
        again = await database.book(retry, org_id, **caller(1), **key)
        await transaction.commit()
    except asyncpg.SerializationError:
        await transaction.rollback()
        again = await book_with_retries(retry, isolation, org_id, **caller(1), **key)
    assert again.get("appointment_id") == booked["appointment_id"]


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "call:tool"}], ids=["no key", "key"])
@pytest.mark.parametrize("practitioners", [1, 2])
@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_a_retry_with_an_old_snapshot_is_never_told_that_its_own_slot_is_taken(
    database: Database,
    organization: UUID,
    isolation: Isolation,
    practitioners: int,
    key: dict[str, object],
) -> None:
    for _ in range(practitioners):
        await database.practitioner(organization)
    await known_caller(database, organization)

    await answer_to_a_stale_retry(database, organization, isolation, key)

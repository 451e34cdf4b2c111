"""The guarantee without function, lock or good will: plain INSERTs by the owner."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Database


@pytest.mark.parametrize("shift", [-59, -30, 0, 1, 30, 59])
async def test_a_practitioner_is_in_one_appointment_at_a_time(
    database: Database, organization: UUID, shift: int
) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await database.appointment(
            organization, grey, scheduled_at=START + timedelta(minutes=shift)
        )


async def test_a_room_is_in_one_appointment_at_a_time(
    database: Database, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    room = await database.room(organization)
    await database.appointment(organization, one, room_id=room)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await database.appointment(organization, two, room_id=room)


@pytest.mark.parametrize("shift", [-60, 60])
async def test_appointments_may_touch(database: Database, organization: UUID, shift: int) -> None:
    grey = await database.practitioner(organization)
    room = await database.room(organization)
    await database.appointment(organization, grey, room_id=room)

    assert await database.appointment(
        organization, grey, room_id=room, scheduled_at=START + timedelta(minutes=shift)
    )


async def test_a_held_row_keeps_its_time(database: Database, organization: UUID) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey, status="held", hold_expires_at=START)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await database.appointment(organization, grey)


@pytest.mark.parametrize("status", ["cancelled", "expired", "completed", "no_show"])
async def test_a_row_that_is_over_comes_back_only_into_free_time(
    database: Database, organization: UUID, status: str
) -> None:
    grey = await database.practitioner(organization)
    over = await database.appointment(organization, grey, status=status)
    await database.appointment(organization, grey)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await (await database.owner()).execute(
            "UPDATE appointments SET status = 'confirmed' WHERE id = $1", over
        )


async def test_buffers_are_inside_the_constraint(database: Database, organization: UUID) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey, blocked_until=START + HOUR + HOUR / 4)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await database.appointment(organization, grey, scheduled_at=START + HOUR)


async def test_a_moved_row_meets_the_constraint(database: Database, organization: UUID) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey)
    other = await database.appointment(organization, grey, scheduled_at=START + HOUR)

    with pytest.raises(asyncpg.ExclusionViolationError):
        await (await database.owner()).execute(
            "UPDATE appointments SET scheduled_at = $2, blocked_from = $2 WHERE id = $1",
            other,
            START + HOUR / 2,
        )


@pytest.mark.parametrize(
    "columns",
    [
        {"ends_at": START},
        {"ends_at": START - HOUR},
        {"blocked_from": START + HOUR / 2},
        {"blocked_until": START + HOUR / 2},
        {"status": "held"},
        {"status": "imagined"},
    ],
    ids=["empty", "backwards", "blocked late", "blocked short", "hold without end", "status"],
)
async def test_rows_that_would_slip_through_the_constraint_are_refused(
    database: Database, organization: UUID, columns: dict[str, object]
) -> None:
    grey = await database.practitioner(organization)

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.DataError)):
        await database.appointment(organization, grey, **columns)


async def test_an_appointment_stays_within_its_organization(
    database: Database, organization: UUID
) -> None:
    elsewhere = await database.organization()
    grey = await database.practitioner(organization)
    theirs = await database.practitioner(elsewhere)
    room = await database.room(elsewhere)

    for practitioner_id, room_id in ((theirs, None), (grey, room)):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await database.appointment(organization, practitioner_id, room_id=room_id)


async def test_one_key_is_one_row(database: Database, organization: UUID) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey, idempotency_key="call:tool")

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.appointment(
            organization, grey, idempotency_key="call:tool", scheduled_at=START + HOUR
        )


async def test_an_insert_of_the_contracts_columns_alone_meets_the_guarantee(
    database: Database, organization: UUID
) -> None:
    """Whoever goes round the function need not know of buffers."""
    owner = await database.owner()
    grey = await database.practitioner(organization)
    insert = (
        "INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at) "
        "VALUES ($1, $2, 'consultation', $3, $4)"
    )
    await owner.execute(insert, organization, grey, START, START + HOUR)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await owner.execute(insert, organization, grey, START + HOUR / 2, START + 2 * HOUR)
    connection = await database.connect_api()
    refused = await database.book(connection, organization, scheduled_at=START)
    assert refused["error"] == "SLOT_UNAVAILABLE"

"""Staff may overbook on purpose; a hold keeps a time until it lapses."""

import json
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Booking, Database

OTHER = {"patient_name": "Tom Taylor", "patient_phone": "+442079460111"}
THIRD = {"patient_name": "Eve Jones", "patient_phone": "+442079460222"}
ON_PURPOSE = {"allow_overlap": True, "overlap_reason": "in pain", "source": "staff"}


async def row_of(owner: asyncpg.Connection, booking: Booking) -> asyncpg.Record:
    row = await owner.fetchrow(
        "SELECT * FROM appointments WHERE id = $1", UUID(booking["appointment_id"])
    )
    assert row is not None
    return row


async def test_staff_overbook_with_a_reason(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization)
    second = await database.book(api, organization, **OTHER, **ON_PURPOSE)

    assert (await row_of(owner, first))["overlap_allowed"] is False
    over = await row_of(owner, second)
    assert over["overlap_allowed"] is True
    assert json.loads(over["metadata"])["overlap_reason"] == "in pain"


async def test_permission_to_overbook_flags_nothing_on_a_free_time(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(api, organization, **ON_PURPOSE)

    row = await row_of(owner, booking)
    assert row["overlap_allowed"] is False
    assert "overlap_reason" not in json.loads(row["metadata"])


async def test_the_flagged_row_is_outside_the_constraint_and_inside_the_check(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization)
    await database.book(
        api, organization, **OTHER, **ON_PURPOSE, scheduled_at=START + timedelta(minutes=30)
    )
    await owner.execute(
        "UPDATE appointments SET status = 'cancelled' WHERE id = $1", UUID(first["appointment_id"])
    )

    # 11:00 to 12:00 overlaps only the flagged row, 10:30 to 11:30.
    refusal = await database.book(api, organization, **THIRD, scheduled_at=START + HOUR)
    by_hand = await database.appointment(
        organization, organization, scheduled_at=START + HOUR, service_type="by hand"
    )

    assert refusal["error"] == "SLOT_UNAVAILABLE"
    assert by_hand is not None


async def test_the_check_sees_a_room_that_was_overbooked(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    room = await database.room(organization)
    await database.appointment(organization, one, room_id=room, overlap_allowed=True)

    refusal = await database.book(api, organization, practitioner_id=two, room_id=room)

    assert refusal["error"] == "SLOT_UNAVAILABLE"


async def test_overbooking_a_room_flags_the_row(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    room = await database.room(organization)
    await database.book(api, organization, practitioner_id=one, room_id=room)

    over = await database.book(
        api, organization, practitioner_id=two, room_id=room, **OTHER, **ON_PURPOSE
    )

    assert (await row_of(owner, over))["overlap_allowed"] is True


async def test_nobody_is_overbooked_while_another_is_free(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    taken, free = [await database.practitioner(organization) for _ in range(2)]
    await database.appointment(organization, taken)
    for hours in (3, 5):
        await database.appointment(organization, free, scheduled_at=START + hours * HOUR)

    booking = await database.book(api, organization, **OTHER, **ON_PURPOSE)

    assert UUID(booking["practitioner_id"]) == free


async def held(database: Database, org_id: UUID, lapses_in: timedelta, **columns: object) -> UUID:
    owner = await database.owner()
    if "practitioner_id" not in columns:
        columns["practitioner_id"] = await database.practitioner(org_id)
    practitioner_id = columns.pop("practitioner_id")
    assert isinstance(practitioner_id, UUID)
    expires = await owner.fetchval("SELECT current_moment()") + lapses_in
    return await database.appointment(
        org_id, practitioner_id, status="held", hold_expires_at=expires, **columns
    )


async def test_a_live_hold_blocks(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    hold = await held(database, organization, timedelta(minutes=5))

    assert (await database.book(api, organization))["error"] == "SLOT_UNAVAILABLE"
    status = await owner.fetchval("SELECT status FROM appointments WHERE id = $1", hold)
    assert status == "held"


@pytest.mark.parametrize("shift", [0, 30, -30], ids=["same", "later", "earlier"])
async def test_a_lapsed_hold_is_taken_over(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    shift: int,
) -> None:
    hold = await held(database, organization, timedelta(seconds=-1))

    booking = await database.book(api, organization, scheduled_at=START + timedelta(minutes=shift))

    assert booking["success"] is True
    row = await owner.fetchrow("SELECT status, version FROM appointments WHERE id = $1", hold)
    assert tuple(row or ()) == ("expired", 2)


async def test_a_lapsed_hold_of_the_room_is_taken_over(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    room = await database.room(organization)
    hold = await held(
        database, organization, timedelta(seconds=-1), practitioner_id=one, room_id=room
    )

    booking = await database.book(api, organization, practitioner_id=two, room_id=room)

    assert booking["success"] is True
    status = await owner.fetchval("SELECT status FROM appointments WHERE id = $1", hold)
    assert status == "expired"


async def test_a_refused_take_over_expires_nothing(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    """A lapsed hold and a booking both stand in the way: the hold is left for whoever fits."""
    hold = await held(database, organization, timedelta(seconds=-1))
    practitioner_id = await owner.fetchval("SELECT practitioner_id FROM appointments")
    await database.appointment(organization, practitioner_id, scheduled_at=START + HOUR)

    refusal = await database.book(api, organization, scheduled_at=START + timedelta(minutes=30))

    assert refusal["error"] == "SLOT_UNAVAILABLE"
    status = await owner.fetchval("SELECT status FROM appointments WHERE id = $1", hold)
    assert status == "held"


async def test_a_hold_lapses_by_the_databases_clock(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await held(database, organization, timedelta(hours=2))
    await database.set_clock(await api.fetchval("SELECT now() + interval '3 hours'"))

    assert (await database.book(api, organization))["success"] is True


@pytest.mark.parametrize("status", ["cancelled", "expired", "completed", "no_show"])
async def test_what_is_over_blocks_nobody(
    database: Database, api: asyncpg.Connection, organization: UUID, status: str
) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey, status=status)

    assert (await database.book(api, organization))["success"] is True


async def test_buffers_block_too(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    grey = await database.practitioner(organization)
    await database.appointment(organization, grey, blocked_until=START + timedelta(minutes=75))

    right_after = await database.book(api, organization, scheduled_at=START + HOUR)
    after_buffer = await database.book(
        api, organization, scheduled_at=START + timedelta(minutes=75)
    )

    assert right_after["error"] == "SLOT_UNAVAILABLE"
    assert after_buffer["success"] is True


async def test_one_that_comes_back_over_nothing_is_under_the_constraints(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    """Both took place; then it is taken back of the second, over a time that is free by now."""
    first = await database.book(api, organization)
    second = await database.book(api, organization, **OTHER, **ON_PURPOSE)
    await database.set_clock(START + HOUR)
    for booking, status in ((second, "completed"), (first, "completed"), (second, "confirmed")):
        marked = await database.call(
            api,
            "mark_appointment",
            organization,
            appointment_id=booking["appointment_id"],
            status=status,
            source="staff",
        )
        assert marked["success"], marked
    assert (await row_of(owner, second))["overlap_allowed"] is False

"""Somebody is erased while they book, are booked, moved, noted or texted: each order is forced."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.concurrency.diary import (
    ELSEWHERE,
    Clinic,
    Operation,
    clinic_of,
    race,
    second_behind_first,
    told,
)
from tests.concurrency.sessions import ISOLATIONS, Isolation, begin, wait_until_waiting
from tests.database import HOUR, START, Booking, Database

every_isolation = pytest.mark.parametrize("isolation", ISOLATIONS)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await clinic_of(database, 2)


def erases(clinic: Clinic, booking: Booking, *, cancels: bool = True) -> Operation:
    return clinic.calls(
        "erase_person",
        lead_id=UUID(booking["contact_id"]),
        actor="owner@clinic.example",
        cancel_appointments=cancels,
    )


async def people(clinic: Clinic) -> list[Any]:
    owner = await clinic.database.owner()
    return await owner.fetch("SELECT id FROM leads")


@every_isolation
async def test_a_booking_that_came_first_is_erased_too(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, clinic.books(1, ELSEWHERE), erases(clinic, booked), isolation
    )

    assert done == "success"
    assert heard in ("success", "40001")
    assert answer["counts"]["cancelled"] == 2
    assert await people(clinic) == []
    assert await clinic.live() == {}


@every_isolation
async def test_a_booking_that_comes_after_is_a_new_persons(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, erases(clinic, booked), clinic.books(1, ELSEWHERE), isolation
    )

    assert done == "success"
    assert heard in ("success", "40001")
    (known,) = await people(clinic)
    assert str(known["id"]) == answer["contact_id"] != booked["contact_id"]


@every_isolation
async def test_of_two_who_erase_one_does(clinic: Clinic, isolation: Isolation) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, erases(clinic, booked), erases(clinic, booked), isolation
    )

    assert done == "success"
    assert heard in ("NOT_FOUND", "40001")
    assert told(answer) == "NOT_FOUND"
    assert await (await clinic.database.owner()).fetchval("SELECT count(*) FROM erasures") == 1


@every_isolation
async def test_what_was_booked_meanwhile_is_asked_about(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))
    await clinic.does(clinic.cancels(booked))

    _, _, answer = await second_behind_first(
        clinic, clinic.books(1, ELSEWHERE), erases(clinic, booked, cancels=False), isolation
    )

    assert answer["error"] == "NEEDS_CONFIRMATION"
    assert len(await people(clinic)) == 1


async def test_a_note_that_is_being_written_waits_and_finds_nobody(clinic: Clinic) -> None:
    booked = await clinic.does(clinic.books(1))
    eraser = await clinic.database.connect_api()
    writer, observer = await clinic.database.connect_owner(), await clinic.database.connect_owner()
    erasing = begin(eraser)
    await erasing.start()
    assert told(await erases(clinic, booked)(eraser)) == "success"
    writing = asyncio.ensure_future(
        writer.execute(
            "INSERT INTO notes (org_id, lead_id, body, author) VALUES ($1, $2, 'late', 'amy')",
            clinic.org_id,
            UUID(booked["contact_id"]),
        )
    )
    await wait_until_waiting(observer, writer)
    await erasing.commit()
    with pytest.raises(Exception, match="foreign key"):
        await writing


@every_isolation
async def test_a_crowd(clinic: Clinic, isolation: Isolation) -> None:
    """Whoever comes when: no deadlock, no double booking, and nobody is half erased."""
    booked = await clinic.does(clinic.books(1))
    operations = [
        erases(clinic, booked),
        clinic.books(1, ELSEWHERE),
        clinic.moves(booked, ELSEWHERE),
        clinic.books(2, ELSEWHERE),
        clinic.cancels(booked),
        erases(clinic, booked),
    ]
    heard, _ = await race(clinic, isolation, operations)
    assert heard["success"] >= 2
    rows = await (await clinic.database.owner()).fetch(
        "SELECT contact_id, metadata ? 'erased' AS erased FROM appointments"
    )
    assert all((row["contact_id"] is None) == row["erased"] for row in rows)


@pytest.mark.parametrize("upcoming", [True, False])
async def test_whose_visits_are_past_holds_nobody_up(clinic: Clinic, upcoming: bool) -> None:
    """Neither practitioners nor rooms are locked for what no longer changes."""
    await clinic.database.room(clinic.org_id)
    booked = await clinic.does(clinic.books(1))
    if not upcoming:
        await clinic.passes(START + HOUR)
    eraser = await clinic.database.connect_api()
    erasing = begin(eraser)
    await erasing.start()
    assert told(await erases(clinic, booked)(eraser)) == "success"
    held = await eraser.fetch(
        "SELECT classid::bigint << 32 | objid::bigint AS key FROM pg_locks "
        "WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    )
    doctors_and_rooms = await eraser.fetchrow(
        "SELECT hashtextextended($1 || $2, 3), hashtextextended($1, 4)",
        str(clinic.org_id),
        str(booked["practitioner_id"]),
    )
    assert doctors_and_rooms is not None
    locked = {row["key"] for row in held}
    assert locked
    assert [key in locked for key in doctors_and_rooms] == [upcoming, upcoming]
    await erasing.rollback()

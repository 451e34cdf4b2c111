"""Somebody is erased: their entries go from Google's calendar, past ones too, and stay away."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.database import START, Booking, Database
from tests.integration.google_clinic import GoogleClinic, event_id, google_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[GoogleClinic]:
    async with google_clinic(database) as clinic:
        await clinic.connect()
        await clinic.value("UPDATE organizations SET calendar_title = 'name'")
        yield clinic


async def erase(clinic: GoogleClinic, booked: Booking) -> Booking:
    erased = await clinic.call(
        "erase_person",
        lead_id=UUID(booked["contact_id"]),
        actor="owner@clinic.example",
        cancel_appointments=True,
    )
    assert erased["success"], erased
    return erased


async def test_past_and_upcoming_entries_go_and_stay_away(clinic: GoogleClinic) -> None:
    past = await clinic.book()
    upcoming = await clinic.book(START + timedelta(days=14))
    other = await clinic.book(START + timedelta(days=1), patient_name="Tom Taylor")
    await clinic.deliver()
    assert clinic.events[event_id(past)]["summary"] == "Ann Taylor"
    await clinic.database.set_clock(START + timedelta(hours=3))

    erased = await erase(clinic, past)
    await clinic.deliver()

    assert erased["outside"]["calendars"] == {"queued": 2, "unreachable": 0}
    assert set(clinic.events) == {event_id(other)}
    assert (await clinic.delivery(past))["status"] == "delivered"
    await clinic.read_calendars()
    await clinic.deliver()
    assert "Ann" not in json.dumps(list(clinic.events.values()))
    statuses = await clinic.rows("SELECT status FROM appointments ORDER BY scheduled_at")
    assert [row["status"] for row in statuses] == ["confirmed", "confirmed", "cancelled"]
    assert event_id(upcoming) not in clinic.events


async def test_what_was_on_its_way_into_the_calendar_is_taken_out_after_it(
    clinic: GoogleClinic,
) -> None:
    """A worker has the name in hand when they are erased; the next round takes it out."""
    past = await clinic.book()
    await clinic.value("SELECT claim_deliveries('calendar', 9, 9, 60)")
    await clinic.database.set_clock(START + timedelta(hours=3))

    erased = await erase(clinic, past)
    await clinic.deliver()

    assert erased["outside"]["calendars"]["queued"] == 1
    assert event_id(past) not in clinic.events

"""The mirror: what a Google Calendar holds keeps time here, and what staff do in it is followed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.database import HOUR, START, Database
from tests.integration.google_clinic import (
    GoogleClinic,
    event_id,
    google_clinic,
    staff_move,
    starts_at,
    timed,
)


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[GoogleClinic]:
    async with google_clinic(database) as clinic:
        await clinic.connect()
        yield clinic


async def busy(clinic: GoogleClinic) -> list[datetime]:
    rows = await clinic.rows("SELECT starts_at FROM busy_times ORDER BY starts_at")
    return [row["starts_at"] for row in rows]


async def test_what_the_calendar_keeps_cant_be_booked(clinic: GoogleClinic) -> None:
    clinic.fake.calendar().insert(timed(START, START + HOUR))
    assert await clinic.read_calendars() == 1

    refused = await clinic.try_to_book(START + HOUR / 2)

    assert refused["error"] == "SLOT_UNAVAILABLE"
    assert refused["alternatives"]
    assert "dentist" not in str(refused).lower()
    await clinic.book(START + HOUR)
    await clinic.book(START - HOUR, patient_name="Ben Taylor")


async def test_our_own_events_keep_no_time_twice(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    await clinic.read_calendars()
    assert await busy(clinic) == []
    await clinic.move(booked, START + HOUR / 2)


@pytest.mark.parametrize(
    "free",
    [
        {"transparency": "transparent"},
        {"attendees": [{"email": "me", "self": True, "responseStatus": "declined"}]},
        {"eventType": "workingLocation"},
    ],
)
async def test_some_events_keep_no_time(clinic: GoogleClinic, free: dict[str, object]) -> None:
    clinic.fake.calendar().insert(timed(START, START + HOUR, **free))
    tentative = [{"email": "me", "self": True, "responseStatus": "tentative"}]
    clinic.fake.calendar().insert(timed(START + HOUR, START + 2 * HOUR, attendees=tentative))
    await clinic.read_calendars()
    assert await busy(clinic) == [START + HOUR]


async def test_an_all_day_event_is_by_the_calendars_own_zone(clinic: GoogleClinic) -> None:
    clinic.fake.calendar().timezone = "America/New_York"
    day = START.date()
    clinic.fake.calendar().insert(
        {
            "start": {"date": day.isoformat()},
            "end": {"date": (day + timedelta(days=1)).isoformat()},
            "summary": "Away",
        }
    )
    await clinic.read_calendars()
    (row,) = await clinic.rows("SELECT starts_at, ends_at FROM busy_times")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert row["starts_at"] - midnight in (4 * HOUR, 5 * HOUR)
    assert row["ends_at"] - row["starts_at"] == 24 * HOUR


async def test_a_series_is_every_one_of_it(clinic: GoogleClinic) -> None:
    calendar, week = clinic.fake.calendar(), timedelta(days=7)
    rule = {"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"], "id": "series00"}
    calendar.insert(timed(START, START + HOUR, **rule))
    await clinic.read_calendars()
    assert len(await busy(clinic)) == 3

    calendar.change_occurrence("series00", START + week, status="cancelled")
    await clinic.read_calendars()
    assert len(await busy(clinic)) == 2

    calendar.delete("series00", None)
    await clinic.read_calendars()
    assert await busy(clinic) == []


async def test_changes_come_by_deltas(clinic: GoogleClinic) -> None:
    calendar = clinic.fake.calendar()
    first = calendar.insert(timed(START, START + HOUR))
    await clinic.read_calendars()
    calendar.insert(timed(START + 2 * HOUR, START + 3 * HOUR))
    staff_move(calendar, first["id"], START + 5 * HOUR, START + 6 * HOUR)
    await clinic.read_calendars()
    assert await busy(clinic) == [START + 2 * HOUR, START + 5 * HOUR]
    calendar.delete(first["id"], None)
    await clinic.read_calendars()
    assert await busy(clinic) == [START + 2 * HOUR]
    lists = [each.query for each in clinic.fake.exchanges]
    assert ["syncToken" in query for query in lists] == [False, True, True]


async def test_pages_are_read_to_the_end(clinic: GoogleClinic) -> None:
    calendar, minute = clinic.fake.calendar(), timedelta(minutes=1)
    for n in range(601):
        calendar.insert(timed(START + n * minute, START + (n + 1) * minute, id=f"event{n:04}"))
    await clinic.read_calendars()
    assert len(await busy(clinic)) == 601
    assert len(clinic.fake.exchanges) == 3
    for event in list(calendar.live):
        calendar.delete(event, None)
    await clinic.read_calendars()
    assert await busy(clinic) == []


async def test_a_stale_token_means_everything_anew(clinic: GoogleClinic) -> None:
    calendar = clinic.fake.calendar()
    kept = calendar.insert(timed(START, START + HOUR))
    gone = calendar.insert(timed(START + 2 * HOUR, START + 3 * HOUR))
    await clinic.read_calendars()
    del calendar.events[gone["id"]]
    calendar.forget_tokens()

    await clinic.read_calendars()

    assert 410 in [each.status for each in clinic.fake.exchanges]
    assert await busy(clinic) == [starts_at(kept)]


async def test_once_a_day_everything_is_read_anew(clinic: GoogleClinic) -> None:
    await clinic.read_calendars()
    await clinic.read_calendars()
    await clinic.value(
        "UPDATE calendar_connections SET full_synced_at = full_synced_at - interval '1 day'"
    )
    await clinic.read_calendars()
    asked = ["syncToken" in each.query for each in clinic.fake.exchanges]
    assert asked == [False, True, False]


async def test_staffs_move_moves_the_appointment(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    await clinic.read_calendars()
    calendar = clinic.fake.calendar()
    staff_move(calendar, event_id(booked), START + 2 * HOUR, START + 3.5 * HOUR)
    await clinic.read_calendars()

    moved = await clinic.appointment(booked)
    assert (moved["scheduled_at"], moved["ends_at"]) == (START + 2 * HOUR, START + 3.5 * HOUR)
    assert moved["version"] == 2
    kinds = await clinic.rows("SELECT kind FROM deliveries WHERE version = 2 ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["calendar", "sms_change"]

    # No echo: what we verify and what comes back changes nothing more.
    changes = calendar.sequence
    for _ in range(2):
        await clinic.deliver()
        await clinic.read_calendars()
    assert calendar.sequence == changes
    assert (await clinic.appointment(booked))["version"] == 2
    assert (await clinic.delivery(booked))["status"] == "delivered"


async def test_staffs_deletion_cancels_the_appointment(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    await clinic.read_calendars()
    clinic.fake.calendar().delete(event_id(booked), None)
    await clinic.read_calendars()

    assert (await clinic.appointment(booked))["status"] == "cancelled"
    await clinic.deliver()
    await clinic.read_calendars()
    assert clinic.events == {}
    assert (await clinic.delivery(booked))["status"] == "delivered"


async def test_what_was_deleted_long_ago_is_found(clinic: GoogleClinic) -> None:
    """Its tombstone went with the sync token."""
    booked, kept = await clinic.book(), await clinic.book(START + HOUR)
    await clinic.deliver()
    await clinic.read_calendars()
    calendar = clinic.fake.calendar()
    calendar.delete(event_id(booked), None)
    calendar.forget_tokens()
    await clinic.read_calendars()
    assert (await clinic.appointment(booked))["status"] == "cancelled"
    assert (await clinic.appointment(kept))["status"] == "confirmed"


async def test_an_emptied_calendar_cancels_nobody(clinic: GoogleClinic) -> None:
    """So many at once can't be meant: they are put back, and staff are told."""
    day = timedelta(days=1)
    booked = [
        await clinic.book(START + n // 8 * day + n % 8 * HOUR, patient_phone=f"+4420794609{n:02}")
        for n in range(26)
    ]
    await clinic.deliver()
    await clinic.read_calendars()
    for event in list(clinic.events):
        clinic.fake.calendar().delete(event, None)
    await clinic.read_calendars()
    await clinic.deliver()
    assert set(clinic.events) == {event_id(each) for each in booked}
    assert {(await clinic.appointment(each))["status"] for each in booked} == {"confirmed"}
    assert await clinic.alerts() == ["calendar_conflict"]


async def test_another_account_cancels_nobody(clinic: GoogleClinic) -> None:
    """`primary` is every account's; connected anew with another one, it has none of our events."""
    booked = await clinic.book()
    await clinic.deliver()
    await clinic.read_calendars()
    del clinic.fake.calendars["primary"]
    clinic.fake.calendar()
    await clinic.connect()
    await clinic.read_calendars()
    await clinic.deliver()
    await clinic.read_calendars()
    assert (await clinic.appointment(booked))["status"] == "confirmed"
    assert list(clinic.events) == [event_id(booked)]


async def test_a_clinic_may_have_them_put_back(clinic: GoogleClinic) -> None:
    await clinic.value("UPDATE organizations SET calendar_changes = 'restore'")
    booked, deleted = await clinic.book(), await clinic.book(START + HOUR)
    await clinic.deliver()
    await clinic.read_calendars()
    staff_move(clinic.fake.calendar(), event_id(booked), START + 5 * HOUR, START + 6 * HOUR)
    clinic.fake.calendar().delete(event_id(deleted), None)
    await clinic.read_calendars()
    await clinic.deliver()

    assert starts_at(clinic.events[event_id(booked)]) == START
    assert starts_at(clinic.events[event_id(deleted)]) == START + HOUR
    assert (await clinic.appointment(booked))["version"] == 1
    assert await clinic.alerts() == []


async def test_a_move_that_cant_be_is_put_back_and_told(clinic: GoogleClinic) -> None:
    booked, in_the_way = await clinic.book(), await clinic.book(START + HOUR)
    await clinic.deliver()
    await clinic.read_calendars()
    staff_move(clinic.fake.calendar(), event_id(booked), START + HOUR, START + 2 * HOUR)
    await clinic.read_calendars()
    await clinic.deliver()
    await clinic.read_calendars()

    assert starts_at(clinic.events[event_id(booked)]) == START
    assert (await clinic.appointment(booked))["version"] == 1
    assert (await clinic.appointment(in_the_way))["version"] == 1
    alerts = await clinic.rows("SELECT kind, appointment_id FROM alerts")
    assert alerts == [
        {"kind": "calendar_conflict", "appointment_id": UUID(booked["appointment_id"])}
    ]


async def test_a_new_colour_is_no_change(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    clinic.fake.calendar().patch(event_id(booked), {"colorId": "4", "location": "2"}, None)
    await clinic.read_calendars()
    assert (await clinic.appointment(booked))["version"] == 1
    await clinic.move(booked, START + HOUR)
    await clinic.deliver()
    assert 412 not in [each.status for each in clinic.fake.exchanges]
    assert clinic.events[event_id(booked)]["colorId"] == "4"


async def test_a_copy_of_ours_is_somebody_elses(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    ours = clinic.events[event_id(booked)]
    copied = {name: ours[name] for name in ("summary", "extendedProperties")}
    clinic.fake.calendar().insert({**timed(START + HOUR, START + 2 * HOUR), **copied})
    await clinic.read_calendars()
    assert await busy(clinic) == [START + HOUR]


async def test_what_we_are_about_to_write_has_the_last_word(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    await clinic.read_calendars()
    staff_move(clinic.fake.calendar(), event_id(booked), START + 5 * HOUR, START + 6 * HOUR)
    await clinic.move(booked, START + 2 * HOUR)
    await clinic.read_calendars()
    await clinic.deliver()
    assert (await clinic.appointment(booked))["scheduled_at"] == START + 2 * HOUR
    assert starts_at(clinic.events[event_id(booked)]) == START + 2 * HOUR


async def test_a_clinic_that_cant_be_read_harms_no_other(clinic: GoogleClinic) -> None:
    other = await clinic.database.organization(name="Elsewhere")
    await clinic.connect(org=other, calendar="elsewhere")
    clinic.fake.calendar("elsewhere").insert(timed(START, START + HOUR))
    del clinic.fake.calendars["primary"]

    assert await clinic.read_calendars() == 2

    assert [row["status"] for row in await clinic.calendars()] == ["broken"]
    assert (await clinic.try_to_book(org_id=other))["error"] == "SLOT_UNAVAILABLE"
    assert (await clinic.try_to_book())["success"]


async def test_two_processes_read_a_calendar_once(clinic: GoogleClinic) -> None:
    first = await clinic.call("claim_calendar_sync", limit=10, lease_seconds=60)
    second = await clinic.call("claim_calendar_sync", limit=10, lease_seconds=60)
    assert (len(first["calendars"]), len(second["calendars"])) == (1, 0)

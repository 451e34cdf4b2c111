"""What a page of the calendar is made of: days of 23, 24 and 25 hours, and where on them it is."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.database import HOUR, Booking, Database
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    MINUTE,
    NOW,
    OVERBOOK,
    STAFF,
    TUESDAY,
    Diary,
    at,
    open_clinic,
)
from tests.sql.test_diary_plans import (
    APPOINTMENTS,
    EXPLAIN_EVERYTHING,
    LEADS,
    PRACTITIONERS,
    assert_by_index,
    plans_of_call,
    rows_read,
    scans,
)

SPRING = date(2027, 3, 28)  # London's clocks skip 01:00–02:00
AUTUMN = date(2027, 10, 31)  # and show it twice


async def view(diary: Diary, day: date = TUESDAY, days: int = 1, **more: object) -> Booking:
    return await diary.call("day_view", **{"from": day, "days": days, **more})


def places(seen: Booking, what: str = "appointments") -> list[tuple[str, int, int]]:
    """(day, start, minutes) of each."""
    return [(each["day"], each["start"], each["minutes"]) for each in seen[what]]


def spans(seen: Booking, kind: str) -> list[tuple[int, int]]:
    """Those without an appointment, as (first, last) minute."""
    listed = seen["busy"] if kind == "busy" else seen["closed"]
    return [
        (each["start"], each["start"] + each["minutes"])
        for each in listed
        if each.get("kind", "busy") == kind
    ]


async def test_a_day_has_its_appointments_with_what_is_told_of_each(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.service("filling", 45, name="Filling")
    booked = await diary.book(at("09:45"), service_type="filling", source="voice")
    seen = await view(diary)
    assert seen["appointments"] == [
        {
            "id": booked["appointment_id"],
            "practitioner_id": str(grey),
            "day": "2027-06-08",
            "start": 585,
            "minutes": 45,
            "continued": False,
            "again": False,
            "name": "Ann Taylor",
            "service": "Filling",
            "status": "confirmed",
            "source": "voice",
            "version": 1,
            "overlap": False,
            "patient_confirmed": False,
            "trouble": False,
        }
    ]
    assert seen["practitioners"] == [
        {"id": str(grey), "name": "Dr Grey", "active": True, "implicit": False}
    ]
    assert (seen["days"], seen["more"], seen["slot_minutes"]) == (["2027-06-08"], False, 15)
    assert (await view(diary, TUESDAY + DAY))["appointments"] == []
    assert (await view(diary, TUESDAY - DAY))["appointments"] == []


async def test_a_clinic_without_practitioners_is_one(diary: Diary) -> None:
    assert [who["id"] for who in (await view(diary))["practitioners"]] == [str(diary.org_id)]
    await diary.book(at("09:00"))
    (who,) = (await view(diary))["practitioners"]
    assert (who["name"], who["implicit"]) == ("Clinic", True)
    grey = str(await diary.practitioner())
    assert {who["id"] for who in (await view(diary))["practitioners"]} == {str(diary.org_id), grey}
    assert [who["id"] for who in (await view(diary, TUESDAY + DAY))["practitioners"]] == [grey]


async def test_who_has_left_is_shown_where_they_have_appointments(diary: Diary) -> None:
    grey, hill = await diary.practitioners("Dr Grey", "Dr Hill")
    await diary.book(at("09:00"), practitioner_id=hill)
    await diary.owner.execute("UPDATE practitioners SET active = false WHERE id = $1", hill)
    assert [who["id"] for who in (await view(diary))["practitioners"]] == [str(grey), str(hill)]
    there = (await view(diary, TUESDAY + DAY))["practitioners"]
    assert [who["id"] for who in there] == [str(grey)]


async def test_those_asked_for_are_shown_and_all_are_named(diary: Diary) -> None:
    grey, hill = await diary.practitioners("Dr Grey", "Dr Hill")
    await diary.hours("09:00-17:00")
    for who in (grey, hill):
        await diary.book(at("09:00"), BOB if who == hill else ANN, practitioner_id=who)
    seen = await view(diary, practitioners=[hill])
    assert {each["practitioner_id"] for each in seen["appointments"]} == {str(hill)}
    assert {each["practitioner_id"] for each in seen["closed"]} == {str(hill)}
    assert len(seen["practitioners"]) == 2
    assert (await view(diary, practitioners=[]))["appointments"] == []


async def test_only_what_is_live_is_shown(diary: Diary) -> None:
    await diary.practitioner()
    cancelled = await diary.book(at("09:00"))
    await diary.cancel(cancelled, **STAFF)
    await diary.hold(at("10:00"))
    for clock, status in (("11:00", "completed"), ("12:00", "no_show")):
        booked = await diary.book(at(clock))
        await diary.owner.execute(
            "UPDATE appointments SET status = $2 WHERE id = $1",
            UUID(booked["appointment_id"]),
            status,
        )
    statuses = [each["status"] for each in (await view(diary))["appointments"]]
    assert statuses == ["held", "completed", "no_show"]
    await diary.set_clock(NOW + HOUR)
    statuses = [each["status"] for each in (await view(diary))["appointments"]]
    assert statuses == ["completed", "no_show"]  # the hold has lapsed


async def test_overlap_confirmation_and_trouble_are_told(diary: Diary) -> None:
    await diary.practitioner()
    first = await diary.book(at("09:00"))
    second = await diary.book(at("09:30"), BOB, **OVERBOOK)
    await diary.call("confirm_by_patient", appointment_id=UUID(first["appointment_id"]))
    seen = {each["id"]: each for each in (await view(diary))["appointments"]}
    assert seen[second["appointment_id"]]["overlap"]
    assert seen[first["appointment_id"]]["patient_confirmed"]
    assert not any(each["trouble"] for each in seen.values())


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ("status = 'failed'", True),
        ("due_at = 'infinity'", True),
        ("status = 'delivered'", False),
        ("status = 'voided', due_at = 'infinity'", False),
        ("status = 'failed', version = 0", False),  # of an older version
    ],
)
async def test_trouble_is_what_failed_or_waits_for_staff(
    diary: Diary, change: str, trouble: bool
) -> None:
    await diary.book(at("09:00"))
    await diary.owner.execute(f"UPDATE deliveries SET {change} WHERE kind = 'calendar'")
    (seen,) = (await view(diary))["appointments"]
    assert seen["trouble"] is trouble


async def test_hours_breaks_and_absences_are_closed(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.hours("09:00-17:00")
    await diary.pause("12:00-13:00")
    await diary.away(grey, at("15:00"), at("09:00", TUESDAY + DAY))
    seen = await view(diary)
    assert spans(seen, "closed") == [(0, 540), (1020, 1440)]
    assert spans(seen, "break") == [(720, 780)]
    assert spans(seen, "absence") == [(900, 1020)]
    assert spans(await view(diary, TUESDAY + DAY), "closed") == [(0, 1440)]


async def test_a_closed_day_says_why(diary: Diary) -> None:
    await diary.practitioner()
    await diary.hours("09:00-17:00")
    await diary.special(None, reason="Staff outing")
    seen = await view(diary)
    assert spans(seen, "closed") == [(0, 1440)]
    assert seen["notes"] == [
        {"day": "2027-06-08", "practitioner_id": None, "reason": "Staff outing", "closed": True}
    ]


async def test_their_own_calendar_keeps_time_without_titles(diary: Diary) -> None:
    grey = await diary.practitioner()
    connection = await diary.owner.fetchval(
        "INSERT INTO calendar_connections (org_id, practitioner_id, vendor, calendar, synced_at) "
        "VALUES ($1, $2, 'google', 'mine', $3) RETURNING id",
        diary.org_id,
        grey,
        NOW,
    )
    await diary.owner.execute(
        "INSERT INTO busy_times VALUES ($1, $2, 'secret', $3, $4)",
        diary.org_id,
        connection,
        at("23:00"),
        at("01:00", TUESDAY + DAY),
    )
    seen = await view(diary, days=2)
    assert places(seen, "busy") == [("2027-06-08", 1380, 60), ("2027-06-09", 0, 60)]
    assert seen["busy"][0].keys() == {"practitioner_id", "day", "start", "minutes"}
    await diary.set(calendar_stale="refuse", calendar_stale_minutes=5)
    await diary.set_clock(NOW + HOUR)
    seen = await view(diary, days=2)
    assert (seen["busy"], seen["blind"]) == ([], [str(grey)])


async def test_what_crosses_midnight_is_on_both_days(diary: Diary) -> None:
    await diary.book(at("23:30"))
    seen = await view(diary, days=2)
    assert places(seen) == [("2027-06-08", 1410, 30), ("2027-06-09", 0, 30)]
    assert [each["continued"] for each in seen["appointments"]] == [False, True]
    assert places(await view(diary, TUESDAY + DAY)) == [("2027-06-09", 0, 30)]


async def test_what_ends_at_midnight_is_on_one(diary: Diary) -> None:
    await diary.book(at("23:00"))
    assert places(await view(diary, days=2)) == [("2027-06-08", 1380, 60)]


async def at_once(diary: Diary, *starts: datetime, minutes: int = 30) -> None:
    """As writers who bypass the function store them."""
    grey = await diary.practitioner()
    for start in starts:
        begins = start.astimezone(UTC)
        await diary.database.appointment(
            diary.org_id, grey, scheduled_at=begins, ends_at=begins + minutes * MINUTE
        )


async def test_in_an_hour_that_comes_twice_both_are_shown(diary: Diary) -> None:
    await at_once(diary, at("01:30", AUTUMN), at("01:30", AUTUMN, fold=1))
    seen = await view(diary, AUTUMN)
    assert places(seen) == [("2027-10-31", 90, 30)] * 2
    assert [each["again"] for each in seen["appointments"]] == [False, True]


async def test_what_lies_over_the_hour_that_comes_twice_is_as_long_as_it_lasts(
    diary: Diary,
) -> None:
    """From 01:45 until 01:15, the second time: half an hour, and not minus half an hour."""
    await at_once(diary, at("01:45", AUTUMN))
    assert places(await view(diary, AUTUMN)) == [("2027-10-31", 105, 30)]


async def test_what_lies_over_the_hour_that_is_skipped_ends_when_its_clock_says(
    diary: Diary,
) -> None:
    await at_once(diary, at("00:45", SPRING))
    assert places(await view(diary, SPRING)) == [("2027-03-28", 45, 90)]


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
async def test_hours_are_where_the_wall_clock_shows_them(diary: Diary, day: date) -> None:
    """The days before and after too: none of them loses its last hour, or has the next one's."""
    await diary.practitioner()
    for weekday in (6, 7, 1):
        await diary.hours("09:00-17:00", weekday=weekday)
    await at_once(diary, at("23:00", day - DAY), at("23:00", day), at("00:00", day + DAY))
    seen = await view(diary, day - DAY, 3)
    names = [str(day - DAY), str(day), str(day + DAY)]
    assert places(seen) == [(names[0], 1380, 30), (names[1], 1380, 30), (names[2], 0, 30)]
    first = seen["practitioners"][0]["id"]
    closed = [
        (each["day"], each["start"], each["minutes"])
        for each in seen["closed"]
        if each["practitioner_id"] == first
    ]
    assert closed == [place for name in names for place in ((name, 0, 540), (name, 1020, 420))]


async def test_a_day_that_has_no_midnight_begins_with_its_first_hour(database: Database) -> None:
    """In Beirut clocks go forward at midnight."""
    beirut = ZoneInfo("Asia/Beirut")
    diary = await open_clinic(database, timezone="Asia/Beirut")
    await at_once(diary, at("01:30", SPRING, beirut), at("23:30", SPRING - DAY, beirut), minutes=60)
    assert places(await view(diary, SPRING)) == [("2027-03-28", 0, 90), ("2027-03-28", 90, 60)]


async def test_a_week_has_each_day_once(diary: Diary) -> None:
    for day in range(9):
        await diary.book(at("09:00") + timedelta(days=day))
    seen = await view(diary, days=7)
    assert [each["day"] for each in seen["appointments"]] == seen["days"]
    assert len(seen["days"]) == 7


async def test_there_is_a_limit_and_it_is_told(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.owner.execute(
        "INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at) "
        "SELECT $1, $2, 'scan', $3::timestamptz + n * interval '20 seconds', "
        "$3::timestamptz + (n + 1) * interval '20 seconds' FROM generate_series(0, 2000) AS n",
        diary.org_id,
        grey,
        at("08:00"),
    )
    seen = await view(diary)
    assert (len(seen["appointments"]), seen["more"]) == (2000, True)
    await diary.owner.execute("DELETE FROM appointments WHERE scheduled_at = $1", at("08:00"))
    seen = await view(diary)
    assert (len(seen["appointments"]), seen["more"]) == (2000, False)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"days": 0}, "INVALID_ARGUMENTS"),
        ({"days": 8}, "INVALID_ARGUMENTS"),
        ({"days": None}, "INVALID_ARGUMENTS"),
        ({"from": None}, "INVALID_DATE"),
        ({"from": date(1, 1, 1)}, "INVALID_DATE"),
        ({"from": date(9999, 12, 31)}, "INVALID_DATE"),
    ],
)
async def test_what_is_no_page_is_refused(diary: Diary, asked: dict[str, Any], code: str) -> None:
    refusal = await diary.call("day_view", **{"from": TUESDAY, "days": 1, **asked})
    assert refusal["error"] == code
    unknown = await diary.database.call(diary.api, "day_view", uuid4(), **{"from": TUESDAY})
    assert unknown["error"] == "INVALID_ORGANIZATION"


async def test_another_clinics_rows_are_never_in_it(diary: Diary) -> None:
    """Not even asked for by their practitioner's id."""
    other = await diary.database.organization(name="Other")
    theirs = await diary.database.practitioner(other, name="Dr Else")
    await diary.database.appointment(other, theirs, scheduled_at=at("09:00"))
    await diary.owner.execute(
        "INSERT INTO date_exceptions (org_id, day, reason) VALUES ($1, $2, 'theirs')",
        other,
        TUESDAY,
    )
    await diary.owner.execute(
        "INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at) "
        "VALUES ($1, $2, $3, $4)",
        other,
        theirs,
        at("10:00"),
        at("11:00"),
    )
    for asked in (None, [theirs]):
        seen = await view(diary, practitioners=asked)
        assert (seen["appointments"], seen["notes"], seen["closed"]) == ([], [], [])
        assert [who["name"] for who in seen["practitioners"]] == ["Clinic"]


async def test_it_reads_the_rows_of_that_time_by_their_index(diary: Diary) -> None:
    """Of 8,000 appointments of two clinics those of the day and the day before, and no other."""
    for org_id in (diary.org_id, await diary.database.organization()):
        for rows in (PRACTITIONERS, LEADS):
            await diary.owner.execute(rows, org_id)
        await diary.owner.execute(APPOINTMENTS, org_id, at("00:30", TUESDAY - 3 * DAY))
    await diary.owner.execute("ANALYZE")
    explained = await diary.database.connect_superuser()
    await explained.execute(EXPLAIN_EVERYTHING)
    plans = await plans_of_call(explained, diary, "day_view", **{"from": TUESDAY, "days": 1})
    assert_by_index(plans)
    assert "appointments_in_time" in {index for _, index, _ in scans(plans, "appointments")}
    assert 20 * 24 <= rows_read(plans) <= 20 * 48
    # One look-up for each appointment, whatever else the clinic has.
    for table in ("leads", "deliveries"):
        assert {index for _, index, _ in scans(plans, table)} == {f"{table}_pkey"}

"""A clinic's configuration: one document in and out, all of it or nothing."""

import asyncio
import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.concurrency.sessions import wait_until_waiting
from tests.database import Database, claim
from tests.sql.diary import BOB, MONDAY, NOW, Diary, at, code

Document = dict[str, Any]
LATER = at("10:00", MONDAY + timedelta(days=8))
ORDINARY: Document = {
    "name": "Harbor Dental",
    "timezone": "Europe/London",
    "country": "GB",
    "language": "en",
    "address": "12 Quay Street",
    "phone": "+442079460000",
    "email": "desk@harbor.example",
    "transfer_number": "+442079460100",
    "reminder_hours": [48, 3],
    "quiet_from": "20:00",
    "quiet_until": "09:00",
    "calendar_title": "name",
    "calendar_changes": "restore",
    "calendar_stale": "ask",
    "calendar_stale_minutes": 30,
    "call_retention_days": 90,
    "text_retention_days": 400,
    "person_retention_days": 3650,
    "notice_minutes": 60,
    "horizon_days": 180,
    "slot_minutes": 10,
    "hold_seconds": 120,
    "offer_minutes": 20,
    "upcoming_per_caller_max": 5,
    "caller_check": "name",
    "red_flags": ["chest pain"],
    "holidays_region": "GB-ENG",
    "services": [
        {
            "key": "check-up",
            "name": "Check-up",
            "duration_minutes": 30,
            "buffer_before_minutes": 5,
            "buffer_after_minutes": 10,
            "notice_minutes": 1440,
            "price_minor_units": 4500,
            "currency": "GBP",
        },
        {"key": "x-ray", "name": "X-ray", "duration_minutes": 20},
    ],
    "practitioners": [
        {"name": "Dr Amara Chen", "services": ["check-up", "x-ray"]},
        {"name": "Dr Tomas Reyes", "services": ["check-up"]},
    ],
    "rooms": [{"name": "Surgery 1", "services": ["x-ray"]}],
    "hours": [
        {"weekday": 1, "opens": "09:00", "closes": "13:00"},
        {"weekday": 1, "opens": "14:00", "closes": "18:00"},
        {"practitioner": "dr amara chen", "weekday": 7, "opens": "22:00", "closes": "02:00"},
    ],
    "breaks": [{"weekday": 1, "starts": "11:00", "ends": "11:15", "label": "coffee"}],
    "exceptions": [
        {"day": "2027-12-24", "opens": "09:00", "closes": "12:00", "reason": "Christmas Eve"},
        {"day": "2027-12-25", "reason": "Christmas Day", "source": "holiday"},
        {"practitioner": "Dr Tomas Reyes", "day": "2027-07-01"},
    ],
    "absences": [
        {
            "practitioner": "Dr Tomas Reyes",
            "starts_at": "2027-08-01T00:00:00+01:00",
            "ends_at": "2027-08-15T00:00:00+01:00",
            "reason": "holiday",
        }
    ],
}


async def configure(diary: Diary, document: object, **more: object) -> Document:
    given = {"source": "staff", "document": json.dumps(document), **more}
    return await diary.call("configure_clinic", **given)


async def done(diary: Diary, document: object, **more: object) -> Document:
    """The answer to a configuration that succeeds."""
    answer = await configure(diary, document, **more)
    assert code(answer) is None, answer
    return answer


async def present(diary: Diary) -> Document:
    return await diary.call("clinic_configuration")


def changed(answer: Document) -> dict[tuple[str, str], tuple[object, object]]:
    """(section, name) → before and after."""
    return {
        (change["section"], change["name"]): (change["before"], change["after"])
        for change in answer["changes"]
    }


def service(minutes: int = 30, **more: object) -> Document:
    return {"key": "check-up", "name": "Check-up", "duration_minutes": minutes, **more}


def hours(*spans: str, weekday: int = 1, **more: object) -> list[Document]:
    pairs = (span.split("-") for span in spans)
    return [
        {"weekday": weekday, "opens": opens, "closes": closes, **more} for opens, closes in pairs
    ]


# What goes in comes out


async def test_a_new_clinics_document_has_every_key(diary: Diary) -> None:
    document = await present(diary)
    assert document.keys() == {"version", *ORDINARY}
    assert document["version"] == 1
    assert document["timezone"] == "Europe/London"
    assert document["slot_minutes"] == 15
    assert not any(document[section] for section in ("practitioners", "services", "hours"))


async def test_what_goes_in_comes_out(diary: Diary) -> None:
    answer = await done(diary, ORDINARY)
    assert answer["version"] == 2
    assert answer["dry_run"] is False
    document = await present(diary)
    assert document["version"] == 2
    for key in ORDINARY.keys() - {"services", "practitioners", "rooms", "hours", "breaks"}:
        if key not in ("exceptions", "absences"):
            assert document[key] == ORDINARY[key], key
    check_up, x_ray = document["services"]
    assert check_up == {**ORDINARY["services"][0], "active": True}
    assert (x_ray["buffer_after_minutes"], x_ray["currency"], x_ray["notice_minutes"]) == (
        0,
        None,
        None,
    )
    assert [(p["name"], p["services"], p["active"]) for p in document["practitioners"]] == [
        ("Dr Amara Chen", ["check-up", "x-ray"], True),
        ("Dr Tomas Reyes", ["check-up"], True),
    ]
    (room,) = document["rooms"]
    assert (room["name"], room["services"]) == ("Surgery 1", ["x-ray"])
    assert document["hours"] == [
        {"practitioner": None, "weekday": 1, "opens": "09:00", "closes": "13:00"},
        {"practitioner": None, "weekday": 1, "opens": "14:00", "closes": "18:00"},
        {"practitioner": "Dr Amara Chen", "weekday": 7, "opens": "22:00", "closes": "02:00"},
    ]
    assert document["breaks"] == [
        {"practitioner": None, "weekday": 1, "starts": "11:00", "ends": "11:15", "label": "coffee"}
    ]
    assert [
        (e["practitioner"], e["day"], e["opens"], e["source"]) for e in document["exceptions"]
    ] == [
        ("Dr Tomas Reyes", "2027-07-01", None, "clinic"),
        (None, "2027-12-24", "09:00", "clinic"),
        (None, "2027-12-25", None, "holiday"),
    ]
    (absence,) = document["absences"]
    assert absence["starts_at"] == "2027-07-31T23:00:00Z"


async def test_its_own_document_changes_nothing(diary: Diary) -> None:
    await done(diary, ORDINARY)
    before = await diary.owner.fetch("SELECT id FROM opening_hours ORDER BY id")
    answer = await done(diary, await present(diary))
    assert (answer["changes"], answer["version"]) == ([], 2)
    assert await diary.owner.fetch("SELECT id FROM opening_hours ORDER BY id") == before
    assert len(await diary.events("configured")) == 1


async def test_the_rules_are_obeyed_at_once(diary: Diary) -> None:
    await done(diary, {"services": [service(45)], "hours": hours("09:00-17:00", weekday=2)})
    booked = await diary.book(LATER, service_type="Check-up", duration_minutes=60)
    assert booked["ends_at"] == "2027-06-15T09:45:00+00:00"
    assert code(await diary.book(at("08:00", LATER.date()), BOB, service_type="check-up")) == (
        "OUTSIDE_HOURS"
    )


async def test_a_section_that_is_absent_stays(diary: Diary) -> None:
    await done(diary, ORDINARY)
    answer = await done(diary, {"breaks": []})
    assert changed(answer) == {("breaks", "Monday"): (["11:00-11:15 coffee"], None)}
    answer = await done(diary, {"address": None, "name": " Harbor "})
    assert changed(answer) == {
        ("clinic", "address"): ("12 Quay Street", None),
        ("clinic", "name"): ("Harbor Dental", "Harbor"),
    }


async def test_a_dry_run_tells_and_changes_nothing(diary: Diary) -> None:
    before = await present(diary)
    tried = await done(diary, ORDINARY, dry_run=True)
    assert (tried["version"], tried["dry_run"]) == (1, True)
    assert await present(diary) == before
    assert await diary.events("configured") == []
    kept = await done(diary, ORDINARY)
    assert kept["changes"] == tried["changes"]


async def test_changes_are_told_line_by_line(diary: Diary) -> None:
    await done(diary, ORDINARY)
    answer = await done(
        diary,
        {
            "services": [service(45), ORDINARY["services"][1]],
            "hours": hours("09:00-12:00"),
            "exceptions": [{"day": "2027-12-25", "reason": "Christmas Day", "source": "holiday"}],
            "absences": [],
        },
    )
    told = changed(answer)
    before, after = told.pop(("services", "Check-up"))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["duration_minutes"], after["duration_minutes"]) == (30, 45)
    assert before.keys() == after.keys()
    assert "name" not in before
    assert told == {
        ("hours", "Monday"): (["09:00-13:00", "14:00-18:00"], ["09:00-12:00"]),
        ("hours", "Dr Amara Chen, Sunday"): (["22:00-02:00"], None),
        ("exceptions", "2027-12-24"): (["09:00-12:00 (Christmas Eve)"], None),
        ("exceptions", "Dr Tomas Reyes, 2027-07-01"): (["closed"], None),
        ("absences", "Dr Tomas Reyes, 2027-07-31"): (
            ["2027-07-31T23:00:00Z to 2027-08-14T23:00:00Z (holiday)"],
            None,
        ),
    }


async def test_the_event_tells_sections_and_nothing_else(diary: Diary) -> None:
    await done(diary, ORDINARY)
    (event,) = await diary.events("configured")
    assert json.loads(event["data"]).keys() == {"version", "sections"}
    assert "Chen" not in event["data"]


# Who is who


async def test_people_are_matched_by_id_then_by_name(diary: Diary) -> None:
    chen, reyes = await diary.practitioners("Dr Chen", "Dr Reyes")
    await done(
        diary,
        {"practitioners": [{"id": str(chen), "name": "Dr Chen-Lee"}, {"name": "DR REYES"}]},
    )
    people = (await present(diary))["practitioners"]
    assert {(UUID(p["id"]), p["name"]) for p in people} == {
        (chen, "Dr Chen-Lee"),
        (reyes, "DR REYES"),
    }


async def test_names_can_be_exchanged_by_id(diary: Diary) -> None:
    chen, reyes = await diary.practitioners("Dr Chen", "Dr Reyes")
    swapped = [{"id": str(chen), "name": "Dr Reyes"}, {"id": str(reyes), "name": "Dr Chen"}]
    await done(diary, {"practitioners": swapped})
    people = (await present(diary))["practitioners"]
    assert {(UUID(p["id"]), p["name"]) for p in people} == {(chen, "Dr Reyes"), (reyes, "Dr Chen")}


async def test_an_id_that_is_unknown_here_makes_somebody_new(diary: Diary) -> None:
    elsewhere = str(uuid4())
    await done(diary, {"practitioners": [{"id": elsewhere, "name": "Dr Chen"}]})
    (made,) = (await present(diary))["practitioners"]
    assert made["id"] != elsewhere
    await done(diary, {"practitioners": [{"id": str(diary.org_id), "name": "Dr Chen"}]})
    assert (await present(diary))["practitioners"] == [made]


async def test_whoever_is_absent_becomes_inactive_and_keeps_the_appointments(diary: Diary) -> None:
    await done(diary, ORDINARY)
    booked = await diary.book(
        at("10:00", date(2027, 6, 14)), service_type="check-up", patient_name="Ann Taylor"
    )
    kept = next(
        person
        for person in ORDINARY["practitioners"]
        if person["name"] != booked["practitioner_name"]
    )
    answer = await done(diary, {"practitioners": [kept]})
    gone = booked["practitioner_name"]
    assert answer["warnings"] == [
        f"{gone} is no longer active; upcoming appointments that stay: 1"
    ] + [w for w in answer["warnings"] if "gives no service" in w]
    document = await present(diary)
    (inactive,) = (p for p in document["practitioners"] if p["name"] == gone)
    assert (inactive["active"], inactive["services"]) == (False, [])
    assert not [
        row
        for section in ("hours", "breaks", "exceptions", "absences")
        for row in document[section]
        if row["practitioner"] == gone
    ]
    assert (await diary.row(booked))["status"] == "confirmed"
    back = await done(diary, {"practitioners": ORDINARY["practitioners"]})
    assert changed(back)[("practitioners", gone)][1] == {
        "active": True,
        "services": next(p["services"] for p in ORDINARY["practitioners"] if p["name"] == gone),
    }
    restored = (await present(diary))["practitioners"]
    assert inactive["id"] in {person["id"] for person in restored if person["active"]}


async def test_services_and_rooms_that_are_absent_become_inactive(diary: Diary) -> None:
    await done(diary, ORDINARY)
    assert code(await diary.book(at("22:30", date(2027, 6, 13)), service_type="x-ray")) is None
    answer = await done(diary, {"services": [ORDINARY["services"][0]], "rooms": []})
    assert answer["warnings"] == [
        "Surgery 1 is no longer active; upcoming appointments that stay: 1",
        "X-ray is no longer active; upcoming appointments that stay: 1",
    ]
    document = await present(diary)
    assert [(s["key"], s["active"]) for s in document["services"]] == [
        ("check-up", True),
        ("x-ray", False),
    ]
    assert document["rooms"][0]["active"] is False
    assert all("x-ray" not in person["services"] for person in document["practitioners"])


async def test_one_who_is_said_to_be_inactive_keeps_the_hours(diary: Diary) -> None:
    await done(diary, ORDINARY)
    paused = [{**ORDINARY["practitioners"][0], "active": False}, ORDINARY["practitioners"][1]]
    answer = await done(diary, {"practitioners": paused})
    assert changed(answer) == {
        ("practitioners", "Dr Amara Chen"): ({"active": True}, {"active": False})
    }


async def test_what_staff_should_know_is_warned_of(diary: Diary) -> None:
    people = [{"name": "Dr Chen", "services": ["check-up"]}, {"name": "Dr Reyes"}]
    answer = await done(diary, {"services": [service()], "practitioners": people})
    assert answer["warnings"] == ["Dr Reyes gives no service: each is listed for others"]
    answer = await done(diary, {"practitioners": []})
    assert answer["warnings"][-1] == "No practitioner is active: nothing can be booked"


# Days that differ


async def test_what_the_clinic_says_of_a_day_wins_over_the_holiday(diary: Diary) -> None:
    holiday = {"day": "2027-12-27", "reason": "Christmas Day (observed)", "source": "holiday"}
    own = {"day": "2027-12-27", "opens": "10:00", "closes": "12:00"}
    await done(diary, {"exceptions": [holiday, own]})
    (kept,) = (await present(diary))["exceptions"]
    assert (kept["source"], kept["opens"]) == ("clinic", "10:00")


async def test_what_has_passed_is_neither_shown_nor_touched(diary: Diary) -> None:
    chen = await diary.practitioner("Dr Chen")
    yesterday, today = MONDAY - timedelta(days=1), MONDAY
    await diary.special(None, yesterday)
    await diary.away(chen, NOW - timedelta(days=2), NOW - timedelta(days=1))
    await diary.away(chen, NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert len((await present(diary))["absences"]) == 1
    past = {
        "practitioner": "Dr Chen",
        "starts_at": "2027-01-01T00:00:00Z",
        "ends_at": "2027-01-02T00:00:00Z",
    }
    answer = await done(
        diary,
        {"exceptions": [{"day": str(yesterday)}, {"day": str(today)}], "absences": [past]},
    )
    assert changed(answer).keys() == {
        ("exceptions", str(today)),
        ("absences", f"Dr Chen, {MONDAY}"),
    }
    assert await diary.count("date_exceptions") == 2
    assert await diary.count("absences") == 1


# Who may, and when


async def test_only_staff_of_the_clinic_may(diary: Diary) -> None:
    assert code(await configure(diary, {}, source="rest")) == "UNAUTHORIZED"
    assert code(await diary.call("configure_clinic", document="{}")) == "UNAUTHORIZED"
    nobody = await diary.database.call(
        diary.api, "configure_clinic", uuid4(), document="{}", source="staff"
    )
    assert code(nobody) == "INVALID_ORGANIZATION"
    unknown = await diary.database.call(diary.api, "clinic_configuration", uuid4())
    assert unknown["error"] == "INVALID_ORGANIZATION"
    await claim(diary.api, json.dumps({"org_id": str(uuid4())}))
    assert code(await configure(diary, {"name": "Mine"})) == "FORBIDDEN_ORGANIZATION"
    assert (await present(diary))["error"] == "FORBIDDEN_ORGANIZATION"


async def test_a_stale_version_is_refused_with_the_present_one(diary: Diary) -> None:
    await done(diary, {"name": "Harbor", "version": 1})
    for answer in (
        await configure(diary, {"name": "Hill"}, version=1),
        await configure(diary, {"name": "Hill", "version": 1}),
    ):
        assert (code(answer), answer["where"], answer["version"]) == ("STALE_VERSION", "version", 2)
    await done(diary, {"name": "Hill", "version": 1}, version=2)
    await done(diary, {"name": "Hall"})


async def test_configurations_come_one_after_another(database: Database, diary: Diary) -> None:
    first, second = await database.connect_api(), await database.connect_api()
    watcher = await database.connect_owner()
    query = "SELECT configure_clinic($1, $2, 1, p_source => 'staff')"
    async with first.transaction():
        await first.fetchval(query, diary.org_id, '{"name": "First"}')
        rival = asyncio.ensure_future(second.fetchval(query, diary.org_id, '{"name": "Second"}'))
        await wait_until_waiting(watcher, second)
        booked = await diary.book(LATER)
        assert code(booked) is None, "nobody who books waits for it"
    assert json.loads(await rival)["error"] == "STALE_VERSION"


async def test_another_zone_under_booked_appointments_must_be_meant(diary: Diary) -> None:
    await done(diary, {"timezone": "Europe/Lisbon"})
    booked = await diary.book(LATER)
    await done(diary, {"timezone": "Europe/Lisbon"})
    answer = await configure(diary, {"timezone": "Europe/Berlin", "name": "Praxis"})
    assert (code(answer), answer["where"]) == ("NEEDS_CONFIRMATION", "timezone")
    assert answer["upcoming"] == 1
    assert (await present(diary))["name"] == "Clinic"
    answer = await done(diary, {"timezone": "Europe/Berlin"}, confirmed=True)
    assert answer["warnings"] == [
        "The time of day of upcoming appointments changes with the zone: 1"
    ]
    assert (await diary.row(booked))["scheduled_at"] == LATER
    await diary.cancel(booked, source="staff")
    await diary.hold(LATER)
    await diary.set_clock(NOW + timedelta(hours=1))
    await done(diary, {"timezone": "Asia/Kolkata"})


@pytest.mark.parametrize(
    "zone",
    ["Mars/Olympus", "GMT+1", "europe/london", "posix/Europe/London", "localtime", "+02", ""],
)
async def test_only_ianas_zones_exist(diary: Diary, zone: str) -> None:
    answer = await configure(diary, {"timezone": zone})
    assert (code(answer), answer["where"]) == ("INVALID_TIMEZONE", "timezone")
    assert "Europe/London" in answer["message"]


async def test_what_was_imported_for_a_far_future_doesnt_matter(diary: Diary) -> None:
    """Of what lies outside the new hours, what comes in the next two years is told."""
    booked = await diary.book(at("10:00"), BOB)
    for year in (2028, 2030, 2200):
        await diary.owner.execute(
            "INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, "
            "ends_at) SELECT org_id, practitioner_id, service_type, "
            "make_timestamptz($2, 12, 1, 3, 0, 0), "
            "make_timestamptz($2, 12, 1, 4, 0, 0) FROM appointments WHERE id = $1",
            UUID(booked["appointment_id"]),
            year,
        )
    shorter = {
        "hours": [{"weekday": day, "opens": "12:00", "closes": "13:00"} for day in range(1, 8)]
    }
    answer = await diary.call(
        "configure_clinic", document=json.dumps(shorter), source="staff", dry_run=True
    )
    told = [warning for warning in answer["warnings"] if "outside" in warning]
    assert told == ["Upcoming appointments that would lie outside the hours, and stay: 2"]

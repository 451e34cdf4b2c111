"""A clinic's configuration file: what it may say, and what it can't."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files import configuration
from voxanne.clinic_files.configuration import ClinicFile, key_from_name, read_configuration
from voxanne.clinic_files.diary_csv import HEADERS
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.writing import write_configuration

Document = dict[str, Any]
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "harbor-dental.yaml"
ARGUMENTS, HOURS = Outcome.INVALID_ARGUMENTS, Outcome.INVALID_HOURS
DURATION, ZONE = Outcome.INVALID_DURATION, Outcome.INVALID_TIMEZONE
GUIDE = EXAMPLE.parent.parent / "how-to" / "configure-a-clinic.md"
TODAY = date(2026, 11, 21)
EMPTY: Document = {
    "version": 1,
    "name": "Clinic",
    "timezone": "Europe/London",
    "country": None,
    "language": "en",
    "address": None,
    "phone": None,
    "email": None,
    "transfer_number": None,
    "reminder_hours": [24, 2],
    "quiet_from": "21:00",
    "quiet_until": "08:00",
    "calendar_title": "neutral",
    "calendar_changes": "follow",
    "calendar_stale": "offer",
    "calendar_stale_minutes": 60,
    "call_retention_days": 365,
    "text_retention_days": 730,
    "person_retention_days": None,
    "notice_minutes": 0,
    "horizon_days": 365,
    "slot_minutes": 15,
    "hold_seconds": 300,
    "offer_minutes": 30,
    "upcoming_per_caller_max": 20,
    "caller_check": "none",
    "red_flags": None,
    "holidays_region": None,
    **{section: [] for section in ("practitioners", "services", "rooms")},
    **{section: [] for section in ("hours", "breaks", "exceptions", "absences")},
}


def read(text: str, current: Document = EMPTY, today: date = TODAY) -> ClinicFile:
    return read_configuration(text.encode(), current, today)


def document(text: str, **present: Any) -> Document:
    return read(text, {**EMPTY, **present}).document


def test_the_example_is_read_whole() -> None:
    read_file = read_configuration(EXAMPLE.read_bytes(), EMPTY, TODAY)
    assert read_file.document.keys() == EMPTY.keys() - {"version"}
    assert {service["key"] for service in read_file.document["services"]} == {
        *("consultation", "check-up", "hygiene", "root-canal", "emergency")
    }
    assert read_file.document["hours"][0] == {
        "practitioner": None,
        "weekday": 1,
        "opens": "08:30",
        "closes": "17:30",
    }


def test_the_example_written_and_read_again_is_the_same() -> None:
    first = read_configuration(EXAMPLE.read_bytes(), EMPTY, TODAY).document
    again = read(write_configuration({**EMPTY, **first}))
    assert again.document == first


def test_a_top_level_key_that_is_absent_leaves_its_part_alone() -> None:
    assert document("name: Harbor") == {"name": "Harbor"}
    assert document("rules: {notice: 2h}") == {"notice_minutes": 120}
    assert document("address:") == {"address": None}


def test_the_clinics_hours_and_its_practitioners_are_apart() -> None:
    present = [
        {"practitioner": None, "weekday": 1, "opens": "09:00", "closes": "17:00"},
        {"practitioner": "Dr Chen", "weekday": 2, "opens": "10:00", "closes": "12:00"},
    ]
    said = document("hours: {tuesday: 09:00-10:00}", hours=present)["hours"]
    assert [(row["practitioner"], row["weekday"]) for row in said] == [(None, 2), ("Dr Chen", 2)]
    people = "practitioners:\n  - name: Dr Chen\n    hours: {friday: 09:00-10:00}\n"
    said = document(people, hours=present)["hours"]
    assert [(row["practitioner"], row["weekday"]) for row in said] == [(None, 1), ("Dr Chen", 5)]
    said = document("practitioners: [Dr Chen]", hours=present)["hours"]
    assert said == present[:1]


def test_holidays_are_kept_computed_or_none() -> None:
    mine = {"practitioner": None, "day": "2026-12-24", "opens": None, "closes": None}
    mine |= {"reason": "", "source": "clinic"}
    theirs = {**mine, "day": "2026-12-25", "source": "holiday"}
    both = {"exceptions": [mine, theirs], "holidays_region": "GB"}
    assert document("practitioners: []", **both)["exceptions"] == [mine, theirs]
    said = document("holidays: none", **both)
    assert (said["holidays_region"], said["exceptions"]) == (None, [mine])
    said = document("exceptions: {}", **both)
    assert {row["source"] for row in said["exceptions"]} == {"holiday"}
    assert len(said["exceptions"]) > 20, "of the region as it is"
    assert document("hours: always", **both) == {"hours": []}


def test_a_service_is_found_by_its_name_again() -> None:
    present = [{"key": "cu", "name": "Check-up"}]
    said = document("services: [{name: check-UP, duration: 30}]", services=present)["services"]
    assert said[0]["key"] == "cu"
    said = document("rooms: [{name: A, services: [CHECK-up, x-ray]}]", services=present)["rooms"]
    assert said[0]["services"] == ["cu", "x-ray"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Check-up", "check-up"),
        ("Root canal, long", "root-canal-long"),
        ("Füllung", "füllung"),
        ("!?", "!?"),
    ],
)
def test_a_key_is_made_of_the_name(name: str, key: str) -> None:
    assert key_from_name(name) == key


def test_every_path_of_the_document_leads_back_to_its_line() -> None:
    found = read(
        "hours:\n  monday:\n    - 09:00-13:00\n    - 12:00-17:00\nservices:\n  - name: A\n"
        "    duration: 60\n    price: 1 GBP\n"
    )
    for where, path, line in [
        ("hours[1].closes", "hours.monday[1]", 4),
        ("hours", "hours", 1),
        ("services[0].duration_minutes", "services[0].duration", 7),
        ("services[0].currency", "services[0].price", 8),
        ("services[0].active", "services[0]", 6),
        ("services[9].active", "services", 5),
    ]:
        node = found.locate(where)
        assert node is not None, where
        assert (node.where, node.line) == (path, line)
    assert found.locate("timezone") is None
    assert found.locate("") is None


ABSENT = "practitioners: [{name: A, absences: [%s]}]"
# (file, outcome, where, line, words)
REFUSED: list[tuple[str, Outcome, str, int, str]] = [
    ("nome: x", ARGUMENTS, "nome", 1, "there are: name, timezone"),
    ("rules: {notise: 5}", ARGUMENTS, "rules.notise", 1, "notice"),
    ("rules:\n  notice: soon", DURATION, "rules.notice", 2, "60 minutes"),
    ("rules: {horizon: 36h}", DURATION, "rules.horizon", 1, "whole days"),
    ("rules: {upcoming_per_caller: few}", ARGUMENTS, "rules.upcoming_per_caller", 1, "20"),
    ("rules: {red_flags: pain}", ARGUMENTS, "rules.red_flags", 1, "[chest pain]"),
    ("name: [a]", ARGUMENTS, "name", 1, "Harbor Dental"),
    ("holidays: England", ARGUMENTS, "holidays", 1, "GB-ENG"),
    ("holidays: GB-XX", ARGUMENTS, "holidays", 1, "GB-SCT"),
    ("hours: 09:00-17:00", ARGUMENTS, "hours", 1, "monday-friday: 09:00-17:00"),
    ("hours: {montag: 09:00-17:00}", HOURS, "hours.montag", 1, "monday-friday"),
    ("hours:\n  monday: 9-5", HOURS, "hours.monday", 2, "09:00-17:00"),
    ("hours: {monday: 09:00-17:00 14:00-15:00}", HOURS, "hours.monday", 1, "list"),
    ("hours: {monday: }", HOURS, "hours", 1, "always"),
    ("hours: {monday: [[09:00]]}", ARGUMENTS, "hours.monday[0]", 1, "one value"),
    ("hours:\n  mon-fri: 09:00-17:00\n  friday: closed", HOURS, "hours.friday", 3, "'mon-fri'"),
    ("hours: {monday-sunday: closed}", HOURS, "hours", 1, "hours: always"),
    ("hours: {}", HOURS, "hours", 1, "hours: always"),
    ("breaks: {monday: lunch}", HOURS, "breaks.monday", 1, "13:00-14:00 lunch"),
    ("exceptions: {christmas: closed}", HOURS, "exceptions.christmas", 1, "2026-12-24"),
    ("exceptions: {2026-02-30: closed}", HOURS, "exceptions.2026-02-30", 1, "2026-12-24"),
    ("exceptions: {2026-12-24: shut}", HOURS, "exceptions.2026-12-24", 1, "closed, or"),
    ("services: consultation", ARGUMENTS, "services", 1, "- name: Consultation"),
    ("services: [{name: A}]", DURATION, "services[0]", 1, "duration: 60 minutes"),
    ("services:\n  - duration: 60", ARGUMENTS, "services[0]", 2, "name: Consultation"),
    (
        "services: [{name: A, duration: 90 seconds}]",
        DURATION,
        "services[0].duration",
        1,
        "whole minutes",
    ),
    (
        "services: [{name: A, duration: 60, price: £60}]",
        ARGUMENTS,
        "services[0].price",
        1,
        "60.00 GBP",
    ),
    (
        "services: [{name: A, duration: 60, active: maybe}]",
        ARGUMENTS,
        "services[0].active",
        1,
        "false",
    ),
    ("practitioners: [{nam: A}]", ARGUMENTS, "practitioners[0].nam", 1, "name, services"),
    (
        "practitioners: [{name: A, services: all}]",
        ARGUMENTS,
        "practitioners[0].services",
        1,
        "[consultation]",
    ),
    (
        "practitioners: [{name: A, hours: always}]",
        ARGUMENTS,
        "practitioners[0].hours",
        1,
        "clinic's apply",
    ),
    (
        "practitioners: [{name: A, absences: [summer]}]",
        HOURS,
        "practitioners[0].absences[0]",
        1,
        "2026-12-21..2026-12-31",
    ),
    (
        "practitioners: [{name: A, absences: [{from: 2026-12-21 09:00}]}]",
        ARGUMENTS,
        "practitioners[0].absences[0]",
        1,
        "to: 2026",
    ),
    (
        "practitioners: [{name: A, absences: [{from: noon, to: one}]}]",
        HOURS,
        "practitioners[0].absences[0].from",
        1,
        "2026-12-05 12:00",
    ),
    (
        "practitioners: [{name: A, absences: [{from: 2026-03-29 01:30, to: 2026-03-29 05:00}]}]",
        HOURS,
        "practitioners[0].absences[0].from",
        1,
        "doesn't exist",
    ),
    ("rooms: [{name: A, hours: {}}]", ARGUMENTS, "rooms[0].hours", 1, "name, services, active"),
    ("timezone: GMT+1", ZONE, "timezone", 1, "Europe/London"),
    (
        "exceptions:\n" + "".join(f"  {y}-01-01..{y}-12-31: [closed]\n" for y in range(2000, 2060)),
        ARGUMENTS,
        "",
        0,
        "20,000",
    ),
]


@pytest.mark.parametrize(
    ("text", "outcome", "where", "line", "words"),
    REFUSED,
    ids=[f"{number}-{where}" for number, (_, _, where, _, _) in enumerate(REFUSED)],
)
def test_what_a_file_can_not_say_is_told_with_its_line(
    text: str, outcome: Outcome, where: str, line: int, words: str
) -> None:
    with pytest.raises(ClinicFileError) as caught:
        read(text)
    error = caught.value
    assert (error.outcome, error.where, error.line or 0) == (outcome, where, line)
    assert words in error.message


@pytest.mark.parametrize("known", [configuration.TOP_KEYS, configuration.RULES, HEADERS])
def test_whatever_a_file_may_say_is_documented(known: Iterable[str]) -> None:
    page = GUIDE.read_text()
    told = [key.replace("_", " ") for key in ("time", "first_name", "last_name")]
    missing = [key for key in known if f"`{key}`" not in page and key.replace("_", " ") not in told]
    assert missing == []


def test_retention() -> None:
    found = document("retention: {calls: 90 days, texts: 400, people: never}")
    assert found == {
        "call_retention_days": 90,
        "text_retention_days": 400,
        "person_retention_days": None,
    }
    assert document("retention: {people: 3650 days}") == {"person_retention_days": 3650}
    for text in ("retention: {calls: never}", "retention: {texts: 30 hours}", "retention: 5"):
        with pytest.raises(ClinicFileError):
            read(text)


def test_reminders_quiet_hours_and_the_calendar() -> None:
    found = document(
        "reminders: [2 days, 3]\nquiet: 20:30 - 9:00\n"
        "calendar: {title: name, changes: restore, when_stale: ask, stale_after: 2 hours}"
    )
    assert found == {
        "reminder_hours": [48, 3],
        "quiet_from": "20:30",
        "quiet_until": "09:00",
        "calendar_title": "name",
        "calendar_changes": "restore",
        "calendar_stale": "ask",
        "calendar_stale_minutes": 120,
    }
    assert document("reminders: none\nquiet: none") == {
        "reminder_hours": [],
        "quiet_from": "00:00",
        "quiet_until": "00:00",
    }
    for text, where in (
        ("quiet: at night", "quiet"),
        ("quiet: 21:00-08:00 hush", "quiet"),
        ("reminders: [90 minutes]", "reminders[0]"),
        ("calendar: {colour: red}", "calendar"),
    ):
        with pytest.raises(ClinicFileError) as refused:
            read(text)
        assert str(refused.value.where).startswith(where)

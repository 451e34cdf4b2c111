"""A CalDAV server's resources as events: what keeps time, what is ours, what can't be read."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import pytest

from tests.fakes.radicale_server import ical
from voxanne.deliveries.caldav_events import (
    OCCURRENCES_MAX,
    Reading,
    event_id,
    gone,
    read_all,
    read_one,
    rewrite,
    write,
)
from voxanne.deliveries.calendar import Event, Window

START = datetime(2026, 11, 26, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
ID = UUID("7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d")
OURS = Event(ID.hex, START, START + HOUR, appointment_id=ID, timezone="Europe/London")
READING = Reading(Window(NOW - DAY, NOW + 400 * DAY), ZoneInfo("Europe/London"), frozenset({"me"}))


def busy(*lines: str, reading: Reading = READING) -> list[tuple[datetime, datetime]]:
    found = read_all("x", ical("UID:x", *lines).encode(), '"e"', reading)
    return [(event.starts_at, event.ends_at) for event in found if event.busy]


def test_what_was_written_is_read_as_it_was_meant() -> None:
    found = read_one(OURS.id, write(OURS, NOW), '"e"', ZoneInfo("UTC"))
    assert found is not None
    assert found.agrees_with(OURS)
    assert (found.etag, found.busy) == ('"e"', True)


@pytest.mark.parametrize("day", [date(2027, 3, 28), date(2027, 10, 31)])
@pytest.mark.parametrize("hour", range(5))
def test_an_event_is_at_its_moment_around_a_clock_change(day: date, hour: int) -> None:
    start = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC) - 2 * HOUR
    event = Event(ID.hex, start, start + HOUR, appointment_id=ID, timezone="Europe/London")
    found = read_one(ID.hex, write(event, NOW), None, ZoneInfo("UTC"))
    assert found is not None
    assert found.agrees_with(event)


def test_only_our_own_uid_is_ours() -> None:
    for uid in (ID.hex, str(ID), f"{ID}@voxanne", "x@calendar.voxanne", ""):
        text = ical(f"UID:{uid}", "DTSTART:20261126T100000Z", "DURATION:PT1H").encode()
        (found,) = read_all("x", text, None, READING)
        assert found.appointment_id is None
        assert found.busy


def test_what_staff_made_a_series_of_keeps_its_time_too() -> None:
    text = write(OURS, NOW).replace(b"END:VEVENT", b"RRULE:FREQ=WEEKLY;COUNT=3\r\nEND:VEVENT")
    ours, *others = read_all(OURS.id, text, None, READING)
    assert ours.agrees_with(OURS)
    assert [(one.starts_at, one.busy, one.appointment_id) for one in others] == [
        (START + 7 * DAY, True, None),
        (START + 14 * DAY, True, None),
    ]
    (alone,) = read_all(OURS.id, write(OURS, NOW), None, READING)
    assert alone == ours


def test_rewriting_keeps_what_others_added_and_counts_on() -> None:
    existing = write(OURS, NOW).replace(
        b"END:VEVENT", b"LOCATION:Room 2\r\nRRULE:FREQ=DAILY\r\nDURATION:PT9H\r\nEND:VEVENT"
    )
    later = Event(ID.hex, START + DAY, START + DAY + HOUR, appointment_id=ID)
    for round_ in range(1, 3):
        existing = rewrite(later, NOW, existing)
        (event,) = icalendar.Calendar.from_ical(existing).walk("VEVENT")
        assert (event["LOCATION"], event["SEQUENCE"]) == ("Room 2", round_)
        assert not {"RRULE", "DURATION"} & set(event)
    assert b"nonsense" not in rewrite(later, NOW, b"nonsense")


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20261126T100000Z"],
        ["DTSTART:20261126T100000Z", "DTEND:20261126T100000Z"],
        ["DTSTART:20261126T100000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT"],
        ["DTSTART:20261126T100000Z", "DURATION:PT1H", "STATUS:CANCELLED"],
        ["DTSTART:20261126T100000Z", "DURATION:PT1H", "ATTENDEE;PARTSTAT=DECLINED:mailto:ME"],
        ["DTSTART:20251126T100000Z", "DURATION:PT1H"],
        ["DTSTART:20291126T100000Z", "DURATION:PT1H"],
        ["DTSTART:20261126T100000Z", "RRULE:FREQ=MINUTELY"],
        ["DTSTART:nonsense", "DURATION:PT1H"],
        ["DTSTART:20261126T100000Z", "DTEND:20261125T100000Z"],
        ["SUMMARY:no time"],
    ],
    ids=lambda lines: " ".join(lines)[:60],
)
def test_what_keeps_no_time(lines: list[str]) -> None:
    assert not [(a, b) for a, b in busy(*lines) if a < b]


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20261126T100000Z", "DTEND:20261126T110000Z"],
        ["DTSTART;TZID=America/New_York:20261126T050000", "DURATION:PT1H"],
        ["DTSTART;TZID=Eastern Standard Time:20261126T050000", "DURATION:PT1H"],
        ["DTSTART:20261126T100000", "DURATION:PT1H"],
        ["DTSTART:20261126T100000Z", "DURATION:PT1H", "STATUS:TENTATIVE"],
        ["DTSTART:20261126T100000Z", "DURATION:PT1H", "ATTENDEE;PARTSTAT=DECLINED:mailto:you"],
        ["DTSTART:20261119T100000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=2",
         "EXDATE:20261119T100000Z"],
        ["DTSTART:20200101T100000Z", "DURATION:PT1H", "RDATE:20261126T100000Z"],
    ],
    ids=lambda lines: " ".join(lines)[:60],
)  # fmt: skip
def test_what_keeps_an_hour(lines: list[str]) -> None:
    assert busy(*lines) == [(START, START + HOUR)]


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe", "Pacific/Apia"])
def test_a_day_is_the_calendars_own(zone: str) -> None:
    reading = Reading(READING.window, ZoneInfo(zone), frozenset())
    found = busy("DTSTART;VALUE=DATE:20261126", reading=reading)
    starts = datetime(2026, 11, 26, tzinfo=ZoneInfo(zone))
    assert found == [(starts.astimezone(UTC), (starts + DAY).astimezone(UTC))]
    # The day of a clock change is as long as it is.
    found = busy("DTSTART;VALUE=DATE:20270328", reading=Reading(
        READING.window, ZoneInfo("Europe/London"), frozenset()))  # fmt: skip
    assert [b - a for a, b in found] == [23 * HOUR]


def test_a_daily_series_keeps_its_wall_time_over_a_clock_change() -> None:
    found = busy(
        "DTSTART;TZID=Europe/London:20270326T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=4"
    )
    assert [start.hour for start, _ in found] == [9, 9, 8, 8]


def test_an_endless_series_ends_with_the_window() -> None:
    found = busy("DTSTART:20200101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    assert len(found) == 401
    hourly = read_all(
        "x",
        ical("UID:x", "DTSTART:20200101T100000Z", "DURATION:PT1M", "RRULE:FREQ=HOURLY").encode(),
        None,
        READING,
    )
    assert len(hourly) <= OCCURRENCES_MAX + 1
    assert hourly[0] == gone("x")
    assert len({event.id for event in hourly}) == len(hourly)
    assert all(event.id.startswith("x_") for event in hourly[1:])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        ical("UID:x", "DTSTART:20261126T100000Z", "RRULE:FREQ=NEVER").encode(),
        ical("UID:x", "DTSTART:20261126T100000Z", "RRULE:nonsense").encode(),
        ical("UID:x", "DTSTART:20261126T100000Z", "RDATE:nonsense").encode(),
        ical("UID:x", "DTSTART:20261126T100000Z", "DTSTART:20261127T100000Z").encode(),
        b"BEGIN:VCALENDAR\r\n" * 3,
    ],
)
def test_what_cant_be_read_keeps_no_time_and_does_no_harm(text: bytes) -> None:
    assert not [event for event in read_all("x", text, None, READING) if event.busy and
                event.starts_at < event.ends_at]  # fmt: skip


def test_ids_of_others_never_look_like_a_series() -> None:
    names = ["a.ics", "a_b.ics", "a b.ics", "ü.ics", "A.ics", "a%5Fb.ics", "x" * 3000 + ".ics"]
    ids = [event_id(name) for name in names]
    assert len(set(ids)) == len(ids)
    assert not [id_ for id_ in ids if "_" in id_ or len(id_) > 1000]
    assert event_id(f"{ID.hex}.ics") == ID.hex

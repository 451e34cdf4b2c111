"""What a feed's text says, read back by parsers that didn't write it."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.tz import tzical

from voxanne.inbound.calendar_feed import is_known, write_feed

UPDATED = datetime(2026, 11, 2, 8, 0, 1, 500_000, UTC)
HALF_HOUR = timedelta(minutes=30)
# Of 2027: New York and London go forward and back on different days, Lord Howe by half an hour.
CHANGES = {
    "Europe/London": (date(2027, 3, 28), date(2027, 10, 31)),
    "America/New_York": (date(2027, 3, 14), date(2027, 11, 7)),
    "Australia/Lord_Howe": (date(2027, 4, 4), date(2027, 10, 3)),
}


def feed(*starts: datetime, **changes: Any) -> dict[str, Any]:
    """One appointment of half an hour per start."""
    rows = [
        [
            str(UUID(int=number)),
            start.isoformat(),
            (start + HALF_HOUR).isoformat(),
            "confirmed",
            1,
            UPDATED.isoformat(),
            None,
            None,
        ]
        for number, start in enumerate(starts, 1)
    ]
    return {
        "organization": "Harbor Dental",
        "timezone": "Europe/London",
        "language": "en",
        "practitioner": "Dr Grey",
        "title": "neutral",
        "appointments": rows,
        **changes,
    }


def events_of(text: bytes) -> list[Any]:
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def change_rules(text: bytes) -> Any:
    """The file's own VTIMEZONE as dateutil reads it, without our zone database."""
    return tzical(StringIO(text.decode())).get()


@pytest.mark.parametrize("zone", CHANGES)
def test_each_moment_around_a_clock_change_is_told_by_the_files_own_rules(zone: str) -> None:
    around = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in CHANGES[zone]]
    starts = [day + n * HALF_HOUR for day in around for n in range(-60, 60)]
    text = write_feed(feed(*starts, timezone=zone))
    rules = change_rules(text)
    events = events_of(text)
    assert len(events) == len(starts)
    for start, event in zip(starts, events, strict=True):
        for name, moment in (("DTSTART", start), ("DTEND", start + HALF_HOUR)):
            said = event[name]
            wall = said.dt.replace(tzinfo=None)
            if said.params.get("TZID") is None:
                assert said.dt == moment
            else:
                assert said.params["TZID"] == zone
                # A wall time that comes twice is the first of both.
                assert wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) == moment
                assert wall.replace(tzinfo=rules).astimezone(UTC) == moment, (wall, moment)


def test_the_text_is_as_the_rfc_wants_it() -> None:
    row = feed(UPDATED + timedelta(days=30), title="name_and_service", language="de")
    row["appointments"][0][6:] = ["Zoë, Ødegård; \\ 山田太郎" * 4, "Beratung\r\nATTENDEE:x"]
    text = write_feed(row)
    assert text.endswith(b"END:VCALENDAR\r\n")
    lines = text.removesuffix(b"\r\n").split(b"\r\n")
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    assert max(map(len, lines)) <= 75
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert {b"VERSION:2.0", b"BEGIN:VTIMEZONE", b"REFRESH-INTERVAL;VALUE=DURATION:PT15M"} <= {
        *lines
    }
    assert b"ATTENDEE:x" not in lines
    (event,) = events_of(text)
    assert event["SUMMARY"] == f"{row['appointments'][0][6]}, Beratung\nATTENDEE:x"
    assert event["UID"] == f"{UUID(int=1)}@voxanne"
    assert event["LAST-MODIFIED"].dt == event["DTSTAMP"].dt == UPDATED.replace(microsecond=0)
    assert (event["SEQUENCE"], event["STATUS"]) == (0, "CONFIRMED")


@pytest.mark.parametrize(("language", "title"), [("en", "Appointment"), ("de-AT", "Termin")])
def test_a_neutral_title_is_the_clinics_language(language: str, title: str) -> None:
    (event,) = events_of(write_feed(feed(UPDATED, language=language)))
    assert event["SUMMARY"] == title


def test_an_empty_feed_and_one_in_no_zone_are_calendars() -> None:
    assert icalendar.Calendar.from_ical(write_feed(feed())).calendar_name == (
        "Dr Grey, Harbor Dental"
    )
    odd = icalendar.Calendar.from_ical(write_feed(feed(UPDATED, timezone="GMT+1")))
    assert odd.events[0].start == UPDATED.replace(microsecond=0)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b", "a"'], True),
        (["*"], True),
        (['"b"', '"c"'], False),
        (["a"], False),
    ],
)
def test_what_is_known_is_told_by_its_etag(said: list[str], known: bool) -> None:
    assert is_known('"a"', said) is known

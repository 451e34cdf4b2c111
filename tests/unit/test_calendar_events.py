"""Appointments as calendar files: read back, with the zone's changes of the clock."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical
from icalendar import Calendar, Component, Event, Timezone

from voxanne.calendar_files.events import Party, appointment_event, appointment_uid, calendar

HOUR = timedelta(hours=1)
# Of some zone below, as days in UTC.
CHANGES_OF_2027 = [(3, 14), (3, 28), (4, 3), (9, 25), (10, 2), (10, 31), (11, 7)]
STAMP = datetime(2026, 11, 2, 8, 30, 15, tzinfo=UTC)


def write(start: datetime, zone: str, method: str | None = None, **more: object) -> bytes:
    event = appointment_event(
        uid="1@voxanne",
        starts_at=start,
        ends_at=start + HOUR,
        zone=ZoneInfo(zone),
        title="Appointment",
        stamped_at=STAMP,
        **more,  # type: ignore[arg-type]
    )
    written: bytes = calendar([event], ZoneInfo(zone), method).to_ical()
    return written


def read(file: bytes) -> Event:
    [event] = [part for part in Calendar.from_ical(file).walk() if isinstance(part, Event)]
    return event


def instants(file: bytes) -> list[datetime]:
    """Start and end as a calendar has them that knows the zone by the file's own rules alone.

    Not icalendar's reading of rules, which has the same fault as its writing of them.
    """
    text = file.decode()
    zones = tzical(StringIO(text))
    lines = re.findall(
        r"^DT(?:START|END)(?:;TZID=(.+))?:(.{15})(Z?)\r$", text.partition("BEGIN:VEVENT")[2], re.M
    )
    found = []
    for zone, wall, utc in lines:
        at = datetime.strptime(wall, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        assert bool(utc) == (not zone)
        found.append(at.replace(tzinfo=zones.get(zone)).astimezone(UTC) if zone else at)
    return found


def text(component: Component, name: str) -> str:
    """A property as the file has it."""
    written = component[name].to_ical()
    return written if isinstance(written, str) else str(written, "utf-8")


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin",
        "Europe/Dublin",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Auckland",
        "UTC",
        "Etc/GMT+5",
    ],
)
def test_a_time_is_read_back_as_it_was_in_every_hour_around_a_change(zone: str) -> None:
    """Both ways, hour by hour, by the rules the file brings along."""
    for month, day in CHANGES_OF_2027:
        for hour in range(-14, 15):
            start = datetime(2027, month, day, tzinfo=UTC) + hour * HOUR
            assert instants(write(start, zone)) == [start, start + HOUR]


def test_a_zones_rules_go_from_the_change_before_to_the_one_after() -> None:
    file = Calendar.from_ical(write(datetime(2027, 6, 1, 9, tzinfo=UTC), "Europe/Berlin"))

    [zone] = [part for part in file.walk() if isinstance(part, Timezone)]
    onsets = [
        (part.name, text(part, "dtstart"), text(part, "tzoffsetfrom"), text(part, "tzoffsetto"))
        for part in zone.subcomponents
    ]
    # RFC 5545, 3.6.5: by the clock that ends there.
    assert onsets == [
        ("DAYLIGHT", "20270328T020000", "+0100", "+0200"),
        ("STANDARD", "20271031T030000", "+0200", "+0100"),
    ]
    assert b"BEGIN:VTIMEZONE" not in write(datetime(2027, 6, 1, 9, tzinfo=UTC), "UTC")


def test_the_event_says_who_when_and_which() -> None:
    file = write(
        datetime(2027, 6, 1, 9, tzinfo=UTC),
        "Europe/London",
        "REQUEST",
        version=3,
        location="1 High Street\nLondon; GB",
        organizer=Party("care@clinic.test", 'Clinic "A"; B:\r\nATTENDEE:mailto:x@y.z'),
        attendee=Party("ann@example.com", "Zoë Müller, Jr."),
    )

    event = read(file)
    assert str(event["summary"]) == "Appointment"
    assert (str(event["sequence"]), str(event["status"])) == ("2", "CONFIRMED")
    assert text(event, "dtstamp") == "20261102T083015Z"
    assert str(event["location"]) == "1 High Street\nLondon; GB"
    assert str(event["organizer"]) == "mailto:care@clinic.test"
    assert str(event["attendee"]) == "mailto:ann@example.com"
    assert 'CN="Zoë Müller, Jr."' in file.replace(b"\r\n ", b"").decode()
    lines = file.replace(b"\r\n ", b"").split(b"\r\n")
    assert b"METHOD:REQUEST" in lines
    assert len([line for line in lines if line.startswith(b"ATTENDEE")]) == 1
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))


def test_a_cancelled_one_keeps_no_time() -> None:
    event = read(write(datetime(2027, 6, 1, 9, tzinfo=UTC), "Europe/London", cancelled=True))

    assert (str(event["status"]), str(event["transp"])) == ("CANCELLED", "TRANSPARENT")


def test_an_empty_calendar_is_one() -> None:
    file = Calendar.from_ical(calendar([], ZoneInfo("Europe/London"), "PUBLISH").to_ical())

    assert list(file.walk()) == [file]


def test_every_file_of_an_appointment_is_about_the_same_event() -> None:
    assert appointment_uid("a0") == "a0@voxanne"

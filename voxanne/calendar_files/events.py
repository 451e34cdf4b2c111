"""Appointments as VEVENTs in the clinic's zone, and the VCALENDAR around them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import (
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vText,
)

PRODUCT: Final = "-//Voxanne//Appointments//EN"
# Every zone that changes its clocks does so more often than that.
LONGEST_OBSERVANCE: Final = timedelta(days=400)
CONTENT_TYPE: Final = "text/calendar; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Party:
    """Whoever arranges an appointment or comes to it."""

    email: str
    name: str


def appointment_uid(appointment: UUID | str) -> str:
    """What makes every file about one appointment the same event in a patient's calendar."""
    return f"{appointment}@voxanne"


def appointment_event(
    *,
    uid: str,
    starts_at: datetime,
    ends_at: datetime,
    zone: ZoneInfo,
    title: str,
    stamped_at: datetime,
    version: int = 1,
    cancelled: bool = False,
    location: str | None = None,
    description: str | None = None,
    organizer: Party | None = None,
    attendee: Party | None = None,
) -> Event:
    """The VEVENT. Times are aware; start and end are written as wall time of `zone`, so that a
    change of its rules moves the event as it moves the clinic. `version` counts from 1; SEQUENCE
    (RFC 5546, 2.1.4) from 0. `stamped_at`: when this version came to be (DTSTAMP).
    """
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", stamped_at.astimezone(UTC))
    event.add("sequence", version - 1)
    event.add("dtstart", _written(starts_at, zone))
    event.add("dtend", _written(ends_at, zone))
    event.add("summary", title)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    if location:
        event.add("location", location)
    if description:
        event.add("description", description)
    if organizer is not None:
        event.add("organizer", _address(organizer))
    if attendee is not None:
        address = _address(attendee)
        # It was agreed on the phone: nothing is left for the patient's calendar to ask.
        address.params.update({"ROLE": vText("REQ-PARTICIPANT"), "PARTSTAT": vText("ACCEPTED")})
        event.add("attendee", address)
    return event


def calendar(events: Iterable[Event], zone: ZoneInfo, method: str | None = None) -> Calendar:
    """The VCALENDAR with the zone's VTIMEZONE. `method` (RFC 5546): REQUEST, CANCEL, PUBLISH.

    `to_ical()` writes it; lines are folded and ended as RFC 5545 asks.
    """
    file = Calendar()
    file.add("prodid", PRODUCT)
    file.add("version", "2.0")
    if method is not None:
        file.add("method", method)
    events = list(events)
    moments = [at for event in events for at in (event.start, event.end)]
    times = [at for at in moments if isinstance(at, datetime)]
    if times and zone.key != "UTC":
        file.add_component(_timezone(zone, min(times), max(times)))
    for event in events:
        file.add_component(event)
    return file


def _timezone(zone: ZoneInfo, first: datetime, last: datetime) -> Timezone:
    """The zone's observances from the change before `first` to the one after `last`.

    Not icalendar's own `Timezone.from_tzinfo`: 7.3 writes the onset in the new offset where
    RFC 5545 (3.6.5) wants the old one, so that summer time begins an hour late.
    """
    observances: list[_Observance] = []
    for observance in _observances(zone, first - LONGEST_OBSERVANCE, last + LONGEST_OBSERVANCE):
        if observance.begins_at <= first:
            observances = []
        observances.append(observance)
        if observance.begins_at > last:
            break
    timezone = Timezone()
    timezone.add("tzid", zone.key)
    for observance in observances:
        timezone.add_component(observance.component())
    return timezone


@dataclass(frozen=True, slots=True)
class _Observance:
    """A time in which the zone keeps one offset; `begins_at` in UTC."""

    begins_at: datetime
    offset_before: timedelta
    local: datetime

    def component(self) -> TimezoneStandard | TimezoneDaylight:
        part = TimezoneDaylight() if self.local.dst() else TimezoneStandard()
        part.add("dtstart", (self.begins_at + self.offset_before).replace(tzinfo=None))
        part.add("tzoffsetfrom", self.offset_before)
        part.add("tzoffsetto", self.local.utcoffset())
        part.add("tzname", self.local.tzname())
        return part


def _observances(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[_Observance]:
    """The one at `first` (as if it began then), then each that begins until `last`."""
    day = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    local = day.astimezone(zone)
    yield _Observance(day, _offset(local), local)
    while day < last:
        following = day + timedelta(days=1)
        if _offset(following.astimezone(zone)) != _offset(day.astimezone(zone)):
            change = _change(zone, day, following)
            yield _Observance(change, _offset(day.astimezone(zone)), change.astimezone(zone))
        day = following


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset of `before` ends."""
    old = _offset(before.astimezone(zone))
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) // 2).replace(microsecond=0)
        if _offset(middle.astimezone(zone)) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _written(moment: datetime, zone: ZoneInfo) -> datetime:
    """By the zone's clock; in UTC in the hour that comes twice, since a file's local time means the
    first of both (RFC 5545, 3.3.5)."""
    wall = moment.astimezone(zone)
    return wall.astimezone(UTC) if wall.fold else wall


def _address(party: Party) -> vCalAddress:
    # The library quotes parameters; what a quoted one can't hold (RFC 5545, 3.1) goes.
    name = "".join(letter for letter in party.name if letter >= " " and letter not in '"\x7f')
    address = vCalAddress(f"mailto:{party.email}")
    address.params["CN"] = vText(name)
    return address

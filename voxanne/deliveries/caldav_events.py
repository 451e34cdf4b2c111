"""Events as a CalDAV server keeps them: iCalendar in, iCalendar out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from voxanne.calendar_files.events import appointment_event, calendar
from voxanne.deliveries.calendar import Event, Window

# Ours, whatever else the server does to an event: the UID is what it must keep.
OWN_UID: Final = "@calendar.voxanne"
OCCURRENCES_MAX: Final = 10_000  # of one series, within the window: hourly for a year
ID_CHARACTERS_MAX: Final = 1000
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SERIES: Final = ("RRULE", "RDATE", "RECURRENCE-ID")
_TOO_OFTEN: Final = {"SECONDLY", "MINUTELY"}
# Of an event's own, what a move doesn't leave as it was.
_REPLACED: Final = {"DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
# What the library raises for text that is no calendar, or an event without its times.
_BAD: Final = (ValueError, LookupError, AttributeError, TypeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a calendar's events are read. `zone`: of days, and of times that name none.
    `addresses`: the user's own, in lower case, whose refusal of an invitation frees the time.
    """

    window: Window
    zone: ZoneInfo
    addresses: frozenset[str]


def event_id(name: str) -> str:
    """Of the resource's name in its collection: ours is the appointment's. Of others' no `_` is
    kept, which sets a series' occurrences apart.
    """
    own = name.removesuffix(".ics")
    said = quote(own, safe="").replace("_", "%5F")
    return said if len(said) <= ID_CHARACTERS_MAX else sha256(own.encode()).hexdigest()


def gone(id_: str) -> Event:
    return Event(id_, _NEVER, _NEVER, cancelled=True, busy=False)


def read_one(id_: str, text: bytes, etag: str | None, zone: ZoneInfo) -> Event | None:
    """The resource's first event, as it stands there; None for what can't be read."""
    try:
        components = _components(icalendar.Calendar.from_ical(text))
        return _event(id_, components[0], etag, Reading(Window(_NEVER, _NEVER), zone, frozenset()))
    except _BAD:
        return None


def read_all(id_: str, text: bytes, etag: str | None, reading: Reading) -> list[Event]:
    """What the resource is in the window. Ours comes wherever it is, and if staff made it a series,
    the others of it; another series as its end, and its occurrences. What can't be read keeps no
    time.
    """
    try:
        parsed = icalendar.Calendar.from_ical(text)
        first = _components(parsed)[0]
        found = list(_occurrences(id_, parsed, etag, reading))
        if appointment_of(first) is not None:
            ours = _event(id_, first, etag, reading)
            return [ours, *(one for one in found if one.starts_at != ours.starts_at)]
        return found if [event.id for event in found] == [id_] else [gone(id_), *found]
    except _BAD:
        return [gone(id_)]


def appointment_of(component: Any) -> UUID | None:
    """The appointment of an event of ours."""
    uid = str(component.get("UID", ""))
    try:
        return UUID(uid.removesuffix(OWN_UID)) if uid.endswith(OWN_UID) else None
    except ValueError:
        return None


def write(event: Event, now: datetime) -> bytes:
    """A resource of its own. `now`: aware, by the machine's clock."""
    return _file(_component(event, now, 1), event)


def rewrite(event: Event, now: datetime, existing: bytes) -> bytes:
    """The event in place of what is there; what others added to it (notes, alarms) stays."""
    try:
        old = _components(icalendar.Calendar.from_ical(existing))[0]
        sequence = int(old.get("SEQUENCE", 0))
    except _BAD:
        return write(event, now)
    component = _component(event, now, sequence + 2)
    for name, value in old.items():
        if name not in component and name not in _REPLACED:
            component[name] = value
    for part in old.subcomponents:
        component.add_component(part)
    return _file(component, event)


def _component(event: Event, now: datetime, version: int) -> icalendar.Event:
    assert event.appointment_id is not None
    return appointment_event(
        uid=f"{event.appointment_id}{OWN_UID}",
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        zone=ZoneInfo(event.timezone),
        title=event.title,
        description=event.description or None,
        stamped_at=now,
        version=version,
    )


def _file(component: icalendar.Event, event: Event) -> bytes:
    written: bytes = calendar([component], ZoneInfo(event.timezone)).to_ical()
    return written


def _components(parsed: Any) -> list[Any]:
    """The events, what stands for a whole series first. Raises LookupError when there is none."""
    found = sorted(parsed.walk("VEVENT"), key=lambda event: "RECURRENCE-ID" in event)
    if not found:
        raise LookupError
    return found


def _occurrences(id_: str, parsed: Any, etag: str | None, reading: Reading) -> Iterator[Event]:
    window = reading.window
    components = _components(parsed)
    repeats = any(name in event for event in components for name in _SERIES)
    found = iter(components)
    if repeats:
        if _TOO_OFTEN & {str(f).upper() for event in components for f in _frequencies(event)}:
            raise ValueError("it repeats too often")
        # Days and times of no zone are told apart below: by a day they may be off here.
        series = recurring_ical_events.of(parsed, skip_bad_series=True)
        day = timedelta(days=1)
        found = iter(series.between(window.starts_at - day, window.ends_at + day))
    for component in islice(found, OCCURRENCES_MAX):
        event = _event(id_, component, etag, reading)
        if event.starts_at < window.ends_at and event.ends_at > window.starts_at:
            yield _of_series(event) if repeats else event


def _of_series(event: Event) -> Event:
    id_ = f"{event.id}_{event.starts_at:%Y%m%dT%H%M%SZ}"
    return Event(id_, event.starts_at, event.ends_at, event.etag, cancelled=event.cancelled,
                 busy=event.busy)  # fmt: skip


def _frequencies(component: Any) -> list[Any]:
    rule = component.get("RRULE", {})
    rules = rule if isinstance(rule, list) else [rule]
    return [frequency for one in rules for frequency in one.get("FREQ", [])]


def _event(id_: str, component: Any, etag: str | None, reading: Reading) -> Event:
    """Raises one of _BAD for an event without times."""
    starts_at = _moment(component.start, reading.zone)
    ends_at = _moment(component.end, reading.zone)
    cancelled = str(component.get("STATUS", "")).upper() == "CANCELLED"
    free = str(component.get("TRANSP", "")).upper() == "TRANSPARENT"
    return Event(
        id=id_,
        starts_at=starts_at,
        ends_at=ends_at,
        etag=etag,
        title=str(component.get("SUMMARY", "")),
        cancelled=cancelled,
        appointment_id=appointment_of(component),
        busy=not (cancelled or free or _declined(component, reading.addresses)),
    )


def _moment(said: date | datetime, zone: ZoneInfo) -> datetime:
    """A day is its first moment in the calendar's zone; so is read what names no zone."""
    moment = said if isinstance(said, datetime) else datetime.combine(said, time())
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _declined(component: Any, addresses: frozenset[str]) -> bool:
    said = component.get("ATTENDEE", [])
    return any(
        str(attendee.params.get("PARTSTAT", "")).upper() == "DECLINED"
        and str(attendee).strip().lower().removeprefix("mailto:") in addresses
        for attendee in (said if isinstance(said, list) else [said])
    )

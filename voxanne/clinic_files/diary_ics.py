"""A diary as iCalendar (RFC 5545).

An event that tells a phone number is a patient's appointment; any other that keeps time is an
absence, and so is a whole day. What repeats is followed to the end of the clinic's horizon.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import icalendar
from dateutil.rrule import rrulestr

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.diary import (
    Diary,
    DiaryAbsence,
    DiaryAppointment,
    Reading,
    RowError,
    digest,
    read_minutes,
    refuse_file,
)
from voxanne.clinic_files.event_patient import find_patient

OCCURRENCES_MAX = 4000  # of one event that are still to come
STEPS_MAX = 100_000  # through what repeats, from its first occurrence on
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_DATES = {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
_ONE_DAY = timedelta(days=1)


def read_ics(content: bytes, reading: Reading, services: Mapping[str, str]) -> Diary:
    """Raises ClinicFileError for a file that is no calendar; an event that can't be read is one of
    the diary's problems. Events count from 1. `services`: what a service may be called, in lower
    case, and its key.
    """
    try:
        calendars = icalendar.Calendar.from_ical(content, multiple=True)
    except (ValueError, LookupError):
        calendars = []
    if not calendars:
        refuse_file("The file can't be read as iCalendar.")
    components = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    events = [_Event(number, event, reading) for number, event in enumerate(components, 1)]
    moved = {moment for event in events for moment in event.stands_for()}
    diary = Diary()
    for event in events:
        try:
            _read_event(event, services, moved, diary)
        except RowError as error:
            diary.problems.append(error.problem)
        except (ValueError, OverflowError):  # the library's, which may quote the file
            unread = RowError(event.number, Outcome.INVALID_DATE, "Its dates can't be read")
            diary.problems.append(unread.problem)
        diary.require_moderate()
    return diary


class _Event:
    """One VEVENT: its own moments, and those it repeats at."""

    def __init__(self, number: int, component: Any, reading: Reading) -> None:
        self.number = number
        self.component = component
        self.reading = reading
        self.uid = str(component.get("UID") or digest(component.to_ical()))
        self.repeats = "RRULE" in component or "RDATE" in component

    def has(self, name: str, value: str) -> bool:
        return str(self.component.get(name, "")).upper() == value

    def refuse(self, message: str, outcome: Outcome = Outcome.INVALID_DATE) -> RowError:
        return RowError(self.number, outcome, message)

    def stands_for(self) -> list[tuple[str, datetime]]:
        """The occurrence of what repeats that this event is, moved or changed."""
        try:
            return [(self.uid, self.resolve(self.component["RECURRENCE-ID"].dt))]
        except (KeyError, ValueError, AttributeError, OverflowError):
            return []

    def moment_of(self, name: str) -> datetime | date:
        said = self.component.get(name)
        if said is None or isinstance(said, list):
            raise self.refuse(f"It needs one {name}")
        moment = said.dt
        if isinstance(moment, datetime) and moment.tzinfo is None and "TZID" in said.params:
            raise self.refuse(
                f"There is no time zone {str(said.params['TZID'])[:50]}", Outcome.INVALID_TIMEZONE
            )
        if not isinstance(moment, date):
            raise self.refuse(f"Its {name} is no date")
        return moment

    def resolve(self, moment: datetime | date) -> datetime:
        """A day is its first moment at the clinic; without a zone it is the clinic's."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.reading.zone)
        return moment.astimezone(UTC)

    def occurrences(self) -> Iterator[tuple[datetime, datetime]]:
        """From when to when, in UTC, one after another until the horizon ends."""
        starts = self.moment_of("DTSTART")
        zone = starts.tzinfo if isinstance(starts, datetime) else None
        first = _wall(starts, zone)
        lasts = self._length(starts)
        walls = [first] if not self.repeats else self._repeated(first, zone)
        for wall in walls:
            starts_at = self.resolve(wall.replace(tzinfo=zone))
            if isinstance(starts, datetime):
                yield starts_at, starts_at + lasts
            else:
                yield starts_at, self.resolve(wall + lasts)

    def _length(self, starts: datetime | date) -> timedelta:
        if "DTEND" in self.component:
            ends = self.moment_of("DTEND")
            if isinstance(starts, datetime) != isinstance(ends, datetime):
                raise self.refuse("DTSTART and DTEND must both be days, or both have times")
            if isinstance(starts, datetime):
                return self.resolve(ends) - self.resolve(starts)
            return ends - starts
        if "DURATION" in self.component:
            length: timedelta = self.component["DURATION"].dt
            return length
        return timedelta() if isinstance(starts, datetime) else _ONE_DAY

    def _repeated(self, first: datetime, zone: tzinfo | None) -> list[datetime]:
        """Wall times, those excluded left out; the first is one of them."""
        until = _wall(self.reading.until, zone or self.reading.zone)
        excluded = {_wall(said, zone) for said in self._listed("EXDATE")}
        days = {said for said in self._listed("EXDATE") if not isinstance(said, datetime)}
        walls = {first, *(_wall(said, zone) for said in self._listed("RDATE"))}
        for steps, wall in enumerate(self._rule(first, zone)):
            if wall > until:
                break
            if steps > STEPS_MAX:
                raise self.refuse("It repeats too often", Outcome.INVALID_ARGUMENTS)
            walls.add(wall)
        return sorted(w for w in walls if w not in excluded and w.date() not in days)

    def _listed(self, name: str) -> Iterator[datetime | date]:
        said = self.component.get(name, [])
        for some in said if isinstance(said, list) else [said]:
            for one in some.dts:
                if not isinstance(one.dt, date):
                    raise self.refuse(f"Its {name} must be dates, not periods")
                yield one.dt

    def _rule(self, first: datetime, zone: tzinfo | None) -> Iterator[datetime]:
        if "RRULE" not in self.component:
            return iter(())
        rule = self.component["RRULE"]
        if isinstance(rule, list) or str(rule.get("FREQ", [""])[0]).upper() not in _FREQUENCIES:
            raise self.refuse(
                "It must repeat by one rule, daily or less often", Outcome.INVALID_ARGUMENTS
            )
        if "COUNT" in rule and "UNTIL" in rule:
            raise self.refuse("It repeats by COUNT or UNTIL, not both", Outcome.INVALID_ARGUMENTS)
        parts = [part for part in rule.to_ical().decode().split(";") if "UNTIL=" not in part]
        if until := rule.get("UNTIL"):
            last = (
                until[0] if isinstance(until[0], datetime) else datetime.combine(until[0], time.max)
            )
            parts.append(f"UNTIL={_wall(last, zone):%Y%m%dT%H%M%S}")
        rule_of_walls: Iterator[datetime] = iter(rrulestr(";".join(parts), dtstart=first))
        return rule_of_walls


def _read_event(
    event: _Event,
    services: Mapping[str, str],
    moved: set[tuple[str, datetime]],
    diary: Diary,
) -> None:
    component, now = event.component, event.reading.now
    if event.has("STATUS", "CANCELLED"):
        diary.cancelled += 1
        return
    if event.has("TRANSP", "TRANSPARENT"):
        diary.free += 1
        return
    _require_readable(event)
    patient = find_patient(component, event.reading.region, services)
    if not isinstance(event.moment_of("DTSTART"), datetime):
        patient = None
    is_moved = "RECURRENCE-ID" in component
    coming = 0
    for starts_at, ends_at in event.occurrences():
        if not is_moved and event.repeats and (event.uid, starts_at) in moved:
            continue
        if (starts_at if patient else ends_at) <= now:
            diary.past += not event.repeats
            continue
        coming += 1
        if coming > OCCURRENCES_MAX:
            raise event.refuse(
                f"It repeats more than {OCCURRENCES_MAX:,} times", Outcome.INVALID_ARGUMENTS
            )
        if patient is None:
            if ends_at <= starts_at:
                raise event.refuse("It must end after it starts", Outcome.INVALID_HOURS)
            diary.absences.append(DiaryAbsence(event.number, starts_at, ends_at))
            continue
        occurrence = event.stands_for()[0][1] if is_moved else starts_at if event.repeats else ""
        diary.appointments.append(
            DiaryAppointment(
                row=event.number,
                identity=f"ics/{event.uid}/{occurrence}",
                starts_at=starts_at,
                duration_minutes=(
                    None if ends_at == starts_at else read_minutes(starts_at, ends_at, event.number)
                ),
                name=patient.name,
                phone=patient.phone,
                email=patient.email,
                service=patient.service,
            )
        )


def _require_readable(event: _Event) -> None:
    unread = [name for name, _ in event.component.errors if name in _DATES]
    if unread:
        raise event.refuse(f"Its {unread[0]} can't be read")
    identifier = event.component.get("RECURRENCE-ID")
    if identifier is not None and "RANGE" in identifier.params:
        raise event.refuse(
            "It changes all that follow (RANGE); write them as an event of its own",
            Outcome.INVALID_ARGUMENTS,
        )


def _wall(moment: datetime | date, zone: tzinfo | None) -> datetime:
    """A moment in the wall time of the zone, or as written where one of both has none."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    if zone is not None and moment.tzinfo is not None:
        moment = moment.astimezone(zone)
    return moment.replace(tzinfo=None)

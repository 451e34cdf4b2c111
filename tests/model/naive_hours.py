"""When a clinic is open: days as sets of minutes.

Written from the words of the rules, not from the SQL. All instants are UTC; nothing is finer than a
minute.
"""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60


class Terse:
    """Printed with what isn't as usual: a failing clinic should be seen at a glance."""

    def __repr__(self) -> str:
        told = (
            f"{one.name}={getattr(self, one.name)!r}"
            for one in fields(self)  # type: ignore[arg-type]
            if getattr(self, one.name) != one.default
        )
        return f"{type(self).__name__}({', '.join(told)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For Hypothesis, which else prints every field of a dataclass."""
        printer.text(repr(self))


@dataclass(frozen=True)
class Hours:
    """Minutes after local midnight; closing at or before opening is on the next day."""

    weekday: int  # ISO: Monday is 1
    opens: int
    closes: int


@dataclass(frozen=True, repr=False)
class Special(Terse):
    """Hours of one date instead of the weekly ones; without any, closed."""

    day: date
    opens: int | None = None
    closes: int | None = None


@dataclass(frozen=True)
class Break:
    weekday: int
    starts: int
    ends: int


@dataclass(frozen=True, repr=False)
class Schedule(Terse):
    hours: tuple[Hours, ...] = ()
    specials: tuple[Special, ...] = ()
    breaks: tuple[Break, ...] = ()
    absences: tuple[tuple[datetime, datetime], ...] = ()  # a practitioner's only


@dataclass(frozen=True, repr=False)
class Practitioner(Terse):
    number: int
    schedule: Schedule = Schedule()
    active: bool = True


@dataclass(frozen=True, repr=False)
class Room(Terse):
    number: int
    active: bool = True


@dataclass(frozen=True, repr=False)
class Service(Terse):
    key: str
    minutes: int
    before: int = 0
    after: int = 0
    notice: int | None = None  # minutes; None: the clinic's
    practitioners: tuple[int, ...] = ()  # none listed: everybody gives it
    rooms: tuple[int, ...] = ()  # none listed: it needs none


@dataclass(frozen=True, repr=False)
class Clinic(Terse):
    zone: str
    slot: int = 15
    hold_seconds: int = 300
    notice: int = 0
    horizon_days: int = 365
    upcoming_max: int = 20
    schedule: Schedule = Schedule()
    practitioners: tuple[Practitioner, ...] = ()
    rooms: tuple[Room, ...] = ()
    services: tuple[Service, ...] = ()


def minute(instant: datetime) -> int:
    """Whole minutes since the epoch."""
    return int(instant.timestamp()) // 60


def instant_of(zone: str, day: date, minutes: int) -> datetime:
    """Wall time to instant as PostgreSQL's AT TIME ZONE does it.

    A wall time that is skipped is read with the offset before the change, one that comes twice
    is the second: of the two readings the later, both times.
    """
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    readings = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    return max(reading.astimezone(UTC) for reading in readings)


def span_of(zone: str, day: date, starts: int, ends: int) -> range:
    """The minutes between two wall times; none where the end doesn't come after the start."""
    return range(minute(instant_of(zone, day, starts)), minute(instant_of(zone, day, ends)))


def local_day(zone: str, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


def spans(clinic: Clinic, own: Schedule, day: date) -> tuple[range, ...]:
    """What opens on that local day, before breaks and absences."""
    for schedule in (own, clinic.schedule):
        specials = [special for special in schedule.specials if special.day == day]
        if specials:
            return tuple(
                one_span(clinic.zone, day, special.opens, special.closes)
                for special in specials
                if special.opens is not None and special.closes is not None
            )
    for schedule in (own, clinic.schedule):
        if schedule.hours:
            return tuple(
                one_span(clinic.zone, day, hours.opens, hours.closes)
                for hours in schedule.hours
                if hours.weekday == day.isoweekday()
            )
    return (span_of(clinic.zone, day, 0, DAY_MINUTES),)


def one_span(zone: str, day: date, opens: int, closes: int) -> range:
    return span_of(zone, day, opens, closes if closes > opens else closes + DAY_MINUTES)


def open_minutes(clinic: Clinic, own: Schedule, day: date) -> frozenset[int]:
    """Of that local day, whenever the span that holds them opened."""
    of_day = span_of(clinic.zone, day, 0, DAY_MINUTES)
    minutes = {
        one
        for opening in (day - timedelta(days=1), day)
        for span in spans(clinic, own, opening)
        for one in span
        if one in of_day
    }
    for pause in own.breaks + clinic.schedule.breaks:
        if pause.weekday == day.isoweekday():
            minutes.difference_update(span_of(clinic.zone, day, pause.starts, pause.ends))
    for leaves, returns in own.absences:
        away = range(minute(leaves), minute(returns))
        minutes = {one for one in minutes if one not in away}
    return frozenset(minutes)

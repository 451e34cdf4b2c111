"""The diary as one would keep it by hand: minutes in sets, and a loop over everything.

Written from the words of the rules, not from the SQL: the two know nothing of each other, so where
they agree they are likely to be right. All instants are UTC; nothing is finer than a minute but the
end of a hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.model.naive_hours import (
    DAY_MINUTES,
    Clinic,
    Schedule,
    Service,
    instant_of,
    local_day,
    minute,
    open_minutes,
    overlap,
    span_of,
)

IMPLICIT = 0  # the practitioner that stands for a clinic without any
HOLDS_PER_CALL_MAX = 3
HOLD_MAX = timedelta(hours=1)
ALTERNATIVES_MAX = 3

Status = Literal["held", "confirmed", "cancelled", "ended", "completed", "no_show"]


@dataclass(frozen=True)
class Caller:
    name: str
    phone: str


@dataclass
class Appointment:
    practitioner: int
    room: int | None
    service: str
    start: datetime
    end: datetime
    kept: range  # minutes since the epoch: the appointment and its buffers
    status: Status
    caller: Caller | None = None
    call: str | None = None
    expires_at: datetime | None = None
    made_at: datetime | None = None
    version: int = 1
    id: UUID | None = None  # the database's


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `moving`: the appointment that would be elsewhere then."""

    service: str
    start: datetime
    practitioner: int | None = None
    minutes: int | None = None
    call: str | None = None
    hold: Appointment | None = None
    moving: Appointment | None = None


@dataclass(frozen=True)
class Answer:
    code: str | None = None
    appointment: Appointment | None = None
    replayed: bool = False


def in_conflict(one: Appointment, other: Appointment) -> bool:
    """Somebody, or a room, would be in both at once."""
    same_room = one.room is not None and one.room == other.room
    return overlap(one.kept, other.kept) and (one.practitioner == other.practitioner or same_room)


@dataclass
class Diary:
    """A clinic, the time, and what is written down. Its methods answer as the functions do."""

    clinic: Clinic
    now: datetime
    appointments: list[Appointment] = field(default_factory=list)
    open_days: dict[tuple[int, date], frozenset[int]] = field(default_factory=dict, repr=False)

    # What is asked for

    def service(self, key: str) -> Service | None:
        """A clinic that lists no services takes any."""
        if not self.clinic.services:
            return Service(key, 60)
        return next((one for one in self.clinic.services if one.key == key), None)

    def lasts(self, wish: Wish) -> Service:
        """The service with the minutes it takes: its own where the clinic lists it; a move keeps
        the length there is, unless staff give another.
        """
        service = self.service(wish.service)
        assert service is not None
        if wish.moving is not None:
            length = (wish.moving.end - wish.moving.start) // timedelta(minutes=1)
            return replace(service, minutes=wish.minutes or length)
        if self.clinic.services:
            return service
        return replace(service, minutes=wish.minutes or service.minutes)

    def practitioners(self, service: Service) -> list[int]:
        """Who gives it."""
        if not self.clinic.practitioners:
            return [IMPLICIT]
        return [
            one.number
            for one in self.clinic.practitioners
            if one.active and (not service.practitioners or one.number in service.practitioners)
        ]

    def candidates(self, wish: Wish) -> list[int]:
        everybody = self.practitioners(self.lasts(wish))
        if wish.practitioner is None:
            return everybody
        return [one for one in everybody if one == wish.practitioner]

    def own_schedule(self, practitioner: int) -> Schedule:
        for one in self.clinic.practitioners:
            if one.number == practitioner:
                return one.schedule
        return Schedule()

    # What is there

    def is_live(self, appointment: Appointment) -> bool:
        if appointment.status == "held":
            assert appointment.expires_at is not None
            return appointment.expires_at > self.now
        return appointment.status == "confirmed"

    def live(self) -> list[Appointment]:
        return [one for one in self.appointments if self.is_live(one)]

    def live_holds(self, call: str | None) -> list[Appointment]:
        return [one for one in self.live() if one.status == "held" and one.call == call]

    def is_own_hold(self, appointment: Appointment, wish: Wish) -> bool:
        if appointment.status != "held":
            return False
        return appointment is wish.hold or (wish.call is not None and appointment.call == wish.call)

    def in_the_way(self, wish: Wish) -> list[Appointment]:
        """Whatever keeps somebody out, but for the caller's own."""
        return [
            one for one in self.live() if one is not wish.moving and not self.is_own_hold(one, wish)
        ]

    def open_on(self, practitioner: int, day: date) -> frozenset[int]:
        """Worked out once: hours don't change here."""
        if (practitioner, day) not in self.open_days:
            opened = open_minutes(self.clinic, self.own_schedule(practitioner), day)
            self.open_days[practitioner, day] = opened
        return self.open_days[practitioner, day]

    def is_open(self, practitioner: int, start: datetime, minutes: int) -> bool:
        end = start + timedelta(minutes=minutes)
        first, last = (local_day(self.clinic.zone, moment) for moment in (start, end))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        opened = frozenset().union(*(self.open_on(practitioner, day) for day in days))
        return all(one in opened for one in range(minute(start), minute(end)))

    def kept(self, wish: Wish) -> range:
        service, start = self.lasts(wish), minute(wish.start)
        return range(start - service.before, start + service.minutes + service.after)

    def free_room(self, wish: Wish) -> int | None:
        """The first room that will do; None when none will, or none is needed."""
        kept = self.kept(wish)
        taken = {one.room for one in self.in_the_way(wish) if overlap(one.kept, kept)}
        fit = [room.number for room in self.clinic.rooms if room.active]
        wanted = self.lasts(wish).rooms
        return next((one for one in sorted(fit) if one in wanted and one not in taken), None)

    def is_free(self, practitioner: int, wish: Wish) -> bool:
        kept = self.kept(wish)
        if any(
            one.practitioner == practitioner and overlap(one.kept, kept)
            for one in self.in_the_way(wish)
        ):
            return False
        return not self.lasts(wish).rooms or self.free_room(wish) is not None

    # Rules

    def refused_time(self, wish: Wish) -> str | None:
        if wish.start <= self.now:
            return "DATE_IN_PAST"
        if wish.start > self.now + timedelta(days=self.clinic.horizon_days):
            return "TOO_FAR_AHEAD"
        own_notice = self.lasts(wish).notice
        notice = self.clinic.notice if own_notice is None else own_notice
        if wish.start < self.now + timedelta(minutes=notice):
            return "TOO_SOON"
        return None

    def refused(self, wish: Wish) -> str | None:
        """Service, practitioner and time; not yet whether it is open or free."""
        if self.service(wish.service) is None:
            return "UNKNOWN_SERVICE"
        if not self.candidates(wish):
            return "UNKNOWN_PRACTITIONER"
        return self.refused_time(wish)

    def has_reached_limit(self, phone: str | None) -> bool:
        upcoming = [
            one
            for one in self.appointments
            if one.status == "confirmed"
            and one.caller is not None
            and one.caller.phone == phone
            and one.start > self.now
        ]
        return len(upcoming) >= self.clinic.upcoming_max

    def accepts(self, practitioner: int, wish: Wish) -> bool:
        """Would it be booked with that practitioner now?"""
        return (
            self.refused(replace(wish, practitioner=practitioner)) is None
            and self.is_open(practitioner, wish.start, self.lasts(wish).minutes)
            and self.is_free(practitioner, wish)
        )

    def ranked(self, candidates: list[int], start: datetime) -> list[int]:
        """Least busy that local day, then longest idle, then by id."""
        day = span_of(self.clinic.zone, local_day(self.clinic.zone, start), 0, DAY_MINUTES)
        today = [one for one in self.live() if overlap(one.kept, day)]

        def key(practitioner: int) -> tuple[int, int, int]:
            theirs = [one for one in today if one.practitioner == practitioner]
            ended = [one.kept.stop for one in theirs if one.kept.stop <= minute(start)]
            return len(theirs), max(ended, default=0), practitioner

        return sorted(candidates, key=key)

    def choose(self, wish: Wish) -> int | str:
        """The practitioner who has it, or why nobody does."""
        minutes = self.lasts(wish).minutes
        opened = [one for one in self.candidates(wish) if self.is_open(one, wish.start, minutes)]
        if not opened:
            return "OUTSIDE_HOURS"
        held = [one.practitioner for one in self.holding(wish)]
        for practitioner in held + self.ranked(opened, wish.start):
            if practitioner in opened and self.is_free(practitioner, wish):
                return practitioner
        return "SLOT_UNAVAILABLE"

    def holding(self, wish: Wish) -> list[Appointment]:
        """What the caller holds of just this: the hold that is named, else the call's."""
        if wish.hold is not None:
            holds = [wish.hold] if self.is_live(wish.hold) else []
        else:
            holds = self.live_holds(wish.call) if wish.call is not None else []
        return [
            one
            for one in holds
            if (one.service, one.start, one.kept) == (wish.service, wish.start, self.kept(wish))
            and one.practitioner in self.candidates(wish)
        ]

    # Operations

    def book(self, wish: Wish, caller: Caller) -> Answer:
        for one in self.live():
            if (one.status, one.caller) == ("confirmed", caller) and (
                (one.service, one.start) == (wish.service, wish.start)
            ):
                return Answer(appointment=one, replayed=True)
        code = self.refused(wish)
        if code == "TOO_SOON":  # what is held can be booked as long as it is
            code = self.refused_hold(wish) or (None if self.holding(wish) else code)
        if code is None and self.has_reached_limit(caller.phone):
            code = "LIMIT_REACHED"
        code = code or self.refused_hold(wish)
        if code is not None:
            return Answer(code)
        return self.write(wish, "confirmed", caller)

    def refused_hold(self, wish: Wish) -> str | None:
        if wish.hold is None:
            return None
        if wish.hold.call not in (None, wish.call):
            return "NOT_YOURS"
        if wish.hold.status != "held" or not self.is_live(wish.hold):
            return "HOLD_EXPIRED"
        return None

    def hold(self, wish: Wish) -> Answer:
        code = self.refused(wish)
        if code is not None:
            return Answer(code)
        for one in self.live_holds(wish.call):
            if (one.service, one.start) == (wish.service, wish.start) and (
                wish.call is not None and wish.practitioner in (None, one.practitioner)
            ):
                return Answer(appointment=one, replayed=True)
        if wish.call is not None and len(self.live_holds(wish.call)) >= HOLDS_PER_CALL_MAX:
            return Answer("LIMIT_REACHED")
        return self.write(wish, "held", None)

    def write(self, wish: Wish, status: Status, caller: Caller | None) -> Answer:
        practitioner = self.choose(wish)
        if isinstance(practitioner, str):
            return Answer(practitioner)
        made = self.placed(wish, practitioner)
        made.status, made.caller = status, caller
        if status == "held":
            made.made_at = self.now
            made.expires_at = self.now + timedelta(seconds=self.clinic.hold_seconds)
        self.end_own_holds(wish, made)
        self.appointments.append(made)
        return Answer(appointment=made)

    def placed(self, wish: Wish, practitioner: int) -> Appointment:
        service = self.lasts(wish)
        end = wish.start + timedelta(minutes=service.minutes)
        held = [one.room for one in self.holding(wish) if one.practitioner == practitioner]
        room = held[0] if held else self.free_room(wish)
        kept = self.kept(wish)
        return Appointment(
            practitioner, room, wish.service, wish.start, end, kept, "held", call=wish.call
        )

    def end_own_holds(self, wish: Wish, made: Appointment) -> None:
        """Those in its way, and the one that is named."""
        for one in self.live():
            if self.is_own_hold(one, wish) and (one is wish.hold or in_conflict(one, made)):
                one.status = "ended"

    def move(self, appointment: Appointment, wish: Wish, staff: bool = False) -> Answer:
        """`wish` names the practitioner only where another one is asked for."""
        if not self.may_change(appointment, staff):
            return Answer("NOT_FOUND")
        if wish.practitioner is None:
            wish = replace(wish, practitioner=appointment.practitioner)
        wish = replace(wish, moving=appointment)
        if (wish.start, wish.practitioner) == (appointment.start, appointment.practitioner) and (
            timedelta(minutes=self.lasts(wish).minutes) == appointment.end - appointment.start
        ):
            return Answer(appointment=appointment, replayed=True)
        code = self.refused(wish)
        practitioner = code or self.choose(wish)
        if isinstance(practitioner, str):
            return Answer(practitioner)
        there = self.placed(wish, practitioner)
        self.end_own_holds(wish, there)
        appointment.practitioner, appointment.room = there.practitioner, there.room
        appointment.start, appointment.end, appointment.kept = there.start, there.end, there.kept
        appointment.version += 1
        return Answer(appointment=appointment)

    def may_change(self, appointment: Appointment, staff: bool = False) -> bool:
        """Live and, unless for staff, still to come."""
        return appointment.status == "confirmed" and (staff or appointment.start > self.now)

    def cancel(self, appointment: Appointment) -> Answer:
        if appointment.status == "cancelled":
            return Answer(appointment=appointment, replayed=True)
        if not self.may_change(appointment):
            return Answer("NOT_FOUND")
        appointment.status = "cancelled"
        appointment.version += 1
        return Answer(appointment=appointment)

    def release(self, hold: Appointment, call: str | None) -> Answer:
        if hold.call not in (None, call):
            return Answer("NOT_YOURS")
        hold.status = "ended"
        return Answer(appointment=hold)

    def release_call(self, call: str) -> int:
        holds = self.live_holds(call)
        for one in holds:
            one.status = "ended"
        return len(holds)

    def extend_call(self, call: str) -> int:
        """From now on again, but for no longer than an hour in all."""
        extended = 0
        for one in self.live_holds(call):
            assert one.made_at is not None
            assert one.expires_at is not None
            until = min(
                self.now + timedelta(seconds=self.clinic.hold_seconds), one.made_at + HOLD_MAX
            )
            extended += until > one.expires_at
            one.expires_at = max(until, one.expires_at)
        return extended

    def mark(self, appointment: Appointment, status: Status) -> Answer:
        """What became of it, once it has begun."""
        if appointment.status not in ("confirmed", "completed", "no_show"):
            return Answer("NOT_FOUND")
        if status == appointment.status:
            return Answer(appointment=appointment, replayed=True)
        if appointment.start > self.now:
            return Answer("INVALID_ARGUMENTS")
        if status == "confirmed" and any(
            in_conflict(one, appointment) for one in self.live() if one is not appointment
        ):
            return Answer("SLOT_UNAVAILABLE")
        appointment.status = status
        appointment.version += 1
        return Answer(appointment=appointment)

    # What is offered

    def grid(self, first: datetime, until: datetime) -> Iterator[datetime]:
        """The starts that are offered within [first, until)."""
        zone, slot = self.clinic.zone, timedelta(minutes=self.clinic.slot)
        day = local_day(zone, first)
        while instant_of(zone, day, 0) < until:
            start, next_day = instant_of(zone, day, 0), instant_of(zone, day, DAY_MINUTES)
            while start < next_day:
                if first <= start < until:
                    yield start
                start += slot
            day += timedelta(days=1)

    def available(
        self,
        wish: Wish,
        until: datetime,
        time_from: int = 0,
        time_until: int = DAY_MINUTES,
    ) -> list[tuple[datetime, int]]:
        """Each start from `wish.start` on that would be accepted, with each who is free then."""
        found = []
        for start in self.grid(wish.start, until):
            wall = start.astimezone(ZoneInfo(self.clinic.zone))
            if time_from <= wall.hour * 60 + wall.minute < time_until:
                at_start = replace(wish, start=start)
                found += [
                    (start, one) for one in self.candidates(wish) if self.accepts(one, at_start)
                ]
        return found

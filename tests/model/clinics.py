"""Random clinics around a change of their clocks, for Hypothesis."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from tests.model.naive_diary import Caller
from tests.model.naive_hours import (
    DAY_MINUTES,
    Break,
    Clinic,
    Hours,
    Practitioner,
    Room,
    Schedule,
    Service,
    Special,
    Terse,
    instant_of,
)

# Every change of 2027: the day, and the first wall time that is skipped or comes twice.
CHANGES = (
    ("Europe/London", date(2027, 3, 28)),
    ("Europe/London", date(2027, 10, 31)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2027, 11, 7)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
)
DAYS = (-1, 0, 1)  # that appointments are made for, as seen from the change
HOUR = 60
TICK = 5  # minutes: of hours, durations and most starts

CALLERS = (
    Caller("Ann Taylor", "+442079460958"),
    Caller("Tom Taylor", "+442079460958"),  # the same household
    Caller("Eve Jones", "+442079460111"),
)
CALLS = (None, "call-1", "call-2")


@dataclass(frozen=True, repr=False)
class Scene(Terse):
    """A clinic, and the day on which its clocks change."""

    clinic: Clinic
    change: date

    def instant(self, minutes: int) -> datetime:
        """So many minutes of elapsed time after the midnight that begins the day of the change."""
        return instant_of(self.clinic.zone, self.change, 0) + timedelta(minutes=minutes)


def ticks(first: int, last: int, tick: int = TICK) -> st.SearchStrategy[int]:
    return st.integers(first // tick, last // tick).map(lambda n: n * tick)


# Most near the change, which is at 01:00 or 02:00; some between the grid's ticks.
minutes_of_start = st.builds(
    int.__add__,
    st.one_of(
        ticks(0, 4 * HOUR),
        ticks(0, 4 * HOUR),
        ticks(6 * HOUR, 12 * HOUR),
        ticks(DAYS[0] * DAY_MINUTES, (DAYS[-1] + 1) * DAY_MINUTES),
    ),
    st.sampled_from([0, 0, 0, 0, 2]),
)


@st.composite
def weekly_hours(draw: st.DrawFn, change: date) -> tuple[Hours, ...]:
    """Long days, odd spans of single days, or both."""
    weekdays = [(change + timedelta(days=n)).isoweekday() for n in (-2, *DAYS)]
    long = [Hours(weekday, 0, 18 * HOUR) for weekday in weekdays]
    if draw(st.integers(0, 3)) == 0:
        long = []
    span = st.tuples(
        st.sampled_from(weekdays), ticks(0, DAY_MINUTES - TICK), ticks(TICK, DAY_MINUTES)
    ).filter(lambda span: span[1] != span[2])
    odd = [Hours(*one) for one in draw(st.lists(span, max_size=4))]
    return tuple(long + odd)


@st.composite
def date_exceptions(draw: st.DrawFn, change: date) -> tuple[Special, ...]:
    days = [change + timedelta(days=n) for n in DAYS]
    hours = st.tuples(ticks(0, DAY_MINUTES - TICK), ticks(TICK, DAY_MINUTES)).filter(
        lambda span: span[0] != span[1]
    )
    closed = st.just((None, None))
    rows = st.tuples(st.sampled_from(days), st.one_of(closed, hours, hours))
    return tuple(Special(day, *span) for day, span in draw(st.lists(rows, max_size=2)))


@st.composite
def breaks(draw: st.DrawFn, change: date) -> tuple[Break, ...]:
    weekdays = [(change + timedelta(days=n)).isoweekday() for n in DAYS]
    rows = st.builds(
        lambda weekday, starts, lasts: Break(weekday, starts, min(starts + lasts, DAY_MINUTES)),
        st.sampled_from(weekdays),
        ticks(0, DAY_MINUTES - TICK),
        ticks(TICK, 2 * HOUR),
    )
    return tuple(draw(st.lists(rows, max_size=2)))


@st.composite
def absences(draw: st.DrawFn, change: date) -> tuple[tuple[datetime, datetime], ...]:
    noon = datetime(change.year, change.month, change.day, 12, tzinfo=UTC)
    rows = st.tuples(ticks(-36 * HOUR, 36 * HOUR), ticks(TICK, 30 * HOUR))
    return tuple(
        (noon + timedelta(minutes=starts), noon + timedelta(minutes=starts + lasts))
        for starts, lasts in draw(st.lists(rows, max_size=1))
    )


@st.composite
def schedules(draw: st.DrawFn, change: date, own: bool) -> Schedule:
    """Of a practitioner (`own`) or of a clinic; each part may be missing."""
    return Schedule(
        hours=draw(st.one_of(st.just(()), weekly_hours(change))),
        specials=draw(st.one_of(st.just(()), date_exceptions(change))),
        breaks=draw(st.one_of(st.just(()), breaks(change))),
        absences=draw(absences(change)) if own else (),
    )


@st.composite
def services(draw: st.DrawFn, practitioners: int, rooms: int) -> tuple[Service, ...]:
    """None, or up to two; what a clinic lists none of, it takes any of."""
    made = []
    for key in ("check", "clean")[: draw(st.sampled_from([2, 1, 0]))]:
        buffers = st.one_of(st.just(0), ticks(0, HOUR))
        made.append(
            Service(
                key,
                minutes=draw(ticks(10, 3 * HOUR)),
                before=draw(buffers),
                after=draw(buffers),
                notice=draw(st.sampled_from([None, None, 0, 2 * HOUR])),
                practitioners=draw(some_of(practitioners)),
                rooms=draw(some_of(rooms)),
            )
        )
    return tuple(made)


def some_of(number: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Some of 1 to `number`; often none."""
    if not number:
        return st.just(())
    return st.one_of(
        st.just(()),
        st.lists(st.integers(1, number), unique=True).map(lambda chosen: tuple(sorted(chosen))),
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    zone, change = draw(st.sampled_from(CHANGES))
    active = st.integers(0, 9).map(lambda n: n < 9)
    practitioners = tuple(
        Practitioner(number, draw(schedules(change, own=True)), draw(active))
        for number in range(1, draw(st.sampled_from([2, 3, 1, 2, 0])) + 1)
    )
    rooms = tuple(Room(number, draw(active)) for number in range(1, draw(st.integers(0, 2)) + 1))
    clinic = Clinic(
        zone,
        slot=draw(st.sampled_from([30, 20, 15, 10])),
        hold_seconds=draw(st.sampled_from([3600, 3600, 300, 10])),
        notice=draw(st.sampled_from([0, 0, 0, 45, 6 * HOUR])),
        horizon_days=draw(st.sampled_from([30, 30, 30, 2])),
        upcoming_max=draw(st.sampled_from([20, 20, 20, 3])),
        schedule=draw(schedules(change, own=False)),
        practitioners=practitioners,
        rooms=rooms,
        services=draw(services(len(practitioners), len(rooms))),
    )
    return Scene(clinic, change)

"""What a caller said about when, resolved to one instant, or a refusal that asks: never a guess.

Wall time is converted with the clinic's IANA zone at the date it names. A time that does not exist
or exists twice, a weekday that does not match and a date that could be two are asked about; a past
year is moved only when the moved date is near and agrees with the weekday, if one was said. Spoken
times without am/pm follow the rule stated in `clock_words`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from voxanne.booking.outcomes import Outcome
from voxanne.language.catalogue import ENGLISH, known_language, say
from voxanne.language.clock_words import (
    WEEKDAYS,
    Clock,
    Day,
    Unclear,
    calendar_date,
    is_bare_hour,
    plain_text,
    read_clock,
    read_day,
    take_part_of_day,
)
from voxanne.language.speech import (
    speak_date,
    speak_date_with_year,
    speak_either,
    speak_moment,
    speak_time,
)

CORRECTION_DAYS_MAX: Final = 180
WORDS_MAX: Final = 16

_ISO_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})(?P<mark>[t ])(?P<hour>\d\d)"
    r"(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<offset>z|[+-]\d\d(?::?\d\d)?)?)?"
)


@dataclass(frozen=True, slots=True)
class SaidTime:
    """A time as a voice model sent it, unread: any JSON value may be in any field."""

    scheduled_at: object = None
    date: object = None
    time: object = None
    weekday: object = None


@dataclass(frozen=True, slots=True)
class ResolvedTime:
    """A future instant (UTC) and the same in the clinic's zone. `corrected`: the year was moved."""

    instant: datetime
    local: datetime
    corrected: bool


@dataclass(frozen=True, slots=True)
class TimeRefusal:
    """Why there is no instant: one line to say, with today's date in it, and what could be meant.

    A candidate that is a datetime is aware and in the clinic's local time.
    """

    outcome: Outcome
    message: str
    candidates: tuple[datetime | date, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """What one argument named, each part only if it was there."""

    day: Day | None = None
    clock: Clock | None = None
    moment: datetime | None = None  # with the offset it was said with
    part: str | None = None  # of the day, said without a time

    def filled_from(self, other: "_Said") -> "_Said":
        return _Said(
            self.day if self.day is not None else other.day,
            self.clock if self.clock is not None else other.clock,
            self.moment,
        )


_NOTHING: Final = _Said()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What words are measured against: the clinic's zone and the present moment."""

    zone: ZoneInfo
    now: datetime  # in the clinic's zone
    locale: str
    correction_days_max: int
    read_in: str = ENGLISH

    @property
    def language(self) -> str:
        """What is spoken; an unknown language is spoken to, and read, in English."""
        return known_language(self.locale) or ENGLISH

    @property
    def today(self) -> date:
        return self.now.date()

    def is_ahead(self, day: date, clock: Clock | None) -> bool:
        if isinstance(clock, time):
            return datetime.combine(day, clock) > self.now.replace(tzinfo=None)
        return day >= self.today

    def speak(self, what: datetime | date) -> str:
        if isinstance(what, datetime):
            return speak_moment(what, today=self.today, locale=self.locale)
        if what < self.today:
            return speak_date_with_year(what, locale=self.locale)
        return speak_date(what, today=self.today, locale=self.locale)

    def readings(self) -> list["_Frame"]:
        """Models put most of what they hear into English, whatever the call is held in."""
        return [replace(self, read_in=it) for it in dict.fromkeys((ENGLISH, self.language))]

    def plain(self, value: object) -> str | None:
        return plain_text(value, self.read_in)

    def read_day(self, text: str) -> Day | None:
        return read_day(text, today=self.today, days_ahead_max=self.correction_days_max)

    def refuse(self, outcome: Outcome, sentence: str, *candidates: datetime | date) -> TimeRefusal:
        date_of_today = speak_date_with_year(self.today, locale=self.locale)
        today = say(self.language, "Today is {date}.", date=date_of_today)
        return TimeRefusal(outcome, f"{today} {sentence}", candidates)

    def unreadable(self) -> TimeRefusal:
        return self.refuse(
            Outcome.INVALID_DATE,
            say(
                self.language,
                "I did not catch the date and time: which day and time, please?",
            ),
        )

    def ask(self, sentence: str, *candidates: datetime | date) -> TimeRefusal:
        return self.refuse(Outcome.NEEDS_CONFIRMATION, sentence, *candidates)

    def which(self, *candidates: datetime | date) -> TimeRefusal:
        options = speak_either(self.language, [self.speak(candidate) for candidate in candidates])
        return self.ask(say(self.language, "Do you mean {options}?", options=options), *candidates)

    def past(self, what: datetime | date) -> TimeRefusal:
        return self.refuse(
            Outcome.DATE_IN_PAST,
            say(
                self.language,
                "{when} is in the past: which day and time would you like?",
                when=self.speak(what),
            ),
        )


def resolve_time(
    said: SaidTime,
    *,
    zone: ZoneInfo,
    now: datetime,
    locale: str,
    correction_days_max: int = CORRECTION_DAYS_MAX,
) -> ResolvedTime | TimeRefusal:
    """The one future instant that was said, or a refusal. `zone` is the clinic's, `now` any aware
    datetime; words are read in the locale's language and in English. Raises nothing, whatever was
    sent."""
    frame = _Frame(zone, now.astimezone(zone), locale, correction_days_max)
    return _agreed([_resolve(said, reading) for reading in frame.readings()], frame)


def resolve_day(
    said: object,
    *,
    zone: ZoneInfo,
    now: datetime,
    locale: str,
    correction_days_max: int = CORRECTION_DAYS_MAX,
    weekday: object = None,
) -> date | TimeRefusal:
    """The one day, today or later in the clinic's zone, that was said, or a refusal. Raises
    nothing, whatever was sent."""
    frame = _Frame(zone, now.astimezone(zone), locale, correction_days_max)
    return _agreed([_resolve_day(said, weekday, reading) for reading in frame.readings()], frame)


_T = TypeVar("_T", ResolvedTime, date)


def _agreed(readings: Sequence[_T | TimeRefusal], frame: _Frame) -> _T | TimeRefusal:
    """What was said, read in each language. Where two can read it and differ, that is asked."""
    readings = [
        reading
        for reading in readings
        if not (isinstance(reading, TimeRefusal) and reading.outcome is Outcome.INVALID_DATE)
    ] or readings
    first, last = readings[0], readings[-1]
    if isinstance(first, TimeRefusal) or isinstance(last, TimeRefusal):
        return first if isinstance(first, TimeRefusal) else last
    one, other = (it.local if isinstance(it, ResolvedTime) else it for it in (first, last))
    return first if one == other else frame.which(one, other)


def _resolve(said: SaidTime, frame: _Frame) -> ResolvedTime | TimeRefusal:
    try:
        weekdays = _read_weekday(said.weekday, frame)
        whole = _read_whole(said.scheduled_at, frame)
        parts = _read_parts(said.date, said.time, frame)
        if weekdays is None or whole is None or parts is None:
            return frame.unreadable()
        if _NOTHING in (whole, parts):
            return _settle(parts if whole == _NOTHING else whole, weekdays, frame)
        return _reconcile(whole, parts, weekdays, frame)
    except OverflowError:  # the calendar's edges: the years 1 and 9999
        return frame.unreadable()


def _resolve_day(said: object, weekday: object, frame: _Frame) -> date | TimeRefusal:
    unreadable = frame.refuse(
        Outcome.INVALID_DATE,
        say(frame.language, "I did not catch the day: which day, please?"),
    )
    text, weekdays = frame.plain(said), _read_weekday(weekday, frame)
    try:
        day = frame.read_day(text) if text else None
        if day is None or weekdays is None:
            return unreadable
        settled = _settle_day(day, weekdays, None, frame)
    except OverflowError:
        return unreadable
    return settled if isinstance(settled, TimeRefusal) else settled[0]


# Reading: None is what can't be read.


def _read_weekday(value: object, frame: _Frame) -> tuple[int, ...] | None:
    text = frame.plain(value)
    if not text:
        return None if text is None else ()
    return (WEEKDAYS[text],) if text in WEEKDAYS else None


def _read_parts(day_said: object, clock_said: object, frame: _Frame) -> _Said | None:
    day_text, clock_text = frame.plain(day_said), frame.plain(clock_said)
    if day_text is None or clock_text is None:
        return None
    clock_text, part = take_part_of_day(clock_text)
    day = frame.read_day(day_text) if day_text else None
    clock = read_clock(clock_text, part) if clock_text else None
    if (day_text and day is None) or (clock_text and clock is None):
        return None
    return _Said(day, clock, part=None if clock_text else part)


def _read_whole(value: object, frame: _Frame) -> _Said | None:
    """An ISO moment, a day, a time, or a day and a time in either order."""
    text = frame.plain(value)
    if not text:
        return None if text is None else _NOTHING
    if found := _ISO_MOMENT.fullmatch(text):
        return _read_iso(found, frame)
    text, part = take_part_of_day(text)
    if (day := frame.read_day(text)) is not None:
        return _Said(day, part=part)
    if (clock := read_clock(text, part)) is not None:
        return _Said(clock=clock)
    words = text.split()
    if len(words) > WORDS_MAX:
        return None
    readings = set()
    for at in range(1, len(words)):
        left, right = " ".join(words[:at]), " ".join(words[at:])
        for day_text, clock_text in ((left, right), (right, left)):
            if part is None and is_bare_hour(clock_text):
                continue
            if (clock := read_clock(clock_text, part)) is None:
                continue
            if (day := frame.read_day(day_text)) is not None:
                readings.add(_Said(day, clock))
    return readings.pop() if len(readings) == 1 else None


def _read_iso(found: re.Match[str], frame: _Frame) -> _Said | None:
    offset = found["offset"]
    if found["mark"] == " " and found["second"] is None and offset and offset[0] == "-":
        return None  # "09:00-10:00" is as likely a range
    day = calendar_date(*(int(number) for number in _date_numbers(found["date"])))
    hour, minute, second = (int(found[unit] or 0) for unit in ("hour", "minute", "second"))
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    clock = time(hour, minute, second, int(f"{found['fraction'] or ''}000000"[:6]))
    if offset is None:
        return _Said(Day((day,)), clock)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        return None
    east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    moment = datetime.combine(day, clock, timezone(-east if offset[0] == "-" else east))
    local = moment.astimezone(frame.zone)
    return _Said(Day((local.date(),)), local.time().replace(fold=0), moment)


def _date_numbers(text: str) -> tuple[str, str, str]:
    digits = text.replace("-", "")
    return digits[:4], digits[4:6], digits[6:]


# Settling: one future instant, or the question that is left.


def _reconcile(
    whole: _Said, parts: _Said, weekdays: tuple[int, ...], frame: _Frame
) -> ResolvedTime | TimeRefusal:
    """Both ways of saying it were used: they must agree, and each fills what the other left out."""
    if whole.part or parts.part:
        return frame.unreadable()  # "tomorrow evening" here and "8" there is not 8 am
    first = _settle(whole.filled_from(parts), weekdays, frame)
    second = _settle(parts.filled_from(whole), weekdays, frame)
    if isinstance(first, TimeRefusal):
        return first
    if isinstance(second, TimeRefusal):
        return second
    return first if first.instant == second.instant else frame.which(first.local, second.local)


def _settle(said: _Said, weekdays: tuple[int, ...], frame: _Frame) -> ResolvedTime | TimeRefusal:
    clock = said.clock
    if said.day is None:
        return _ask_which_day(clock, frame)
    settled = _settle_day(said.day, weekdays, clock, frame)
    if isinstance(settled, TimeRefusal):
        return settled
    day, moved = settled
    if said.moment is not None:
        return _settle_moment(said.moment, day, moved, frame)
    if clock is None:
        question = say(frame.language, "What time on {day} would you like?", day=frame.speak(day))
        return frame.ask(question, day)
    if clock is Unclear.MIDNIGHT:
        return _ask_which_night(day, frame)
    return _settle_wall_time(day, clock, moved, frame)


def _settle_day(
    day: Day, weekdays: tuple[int, ...], clock: Clock | None, frame: _Frame
) -> tuple[date, bool] | TimeRefusal:
    """The date, and whether its year was moved."""
    if len(day.dates) > 1:
        return frame.which(*day.dates)
    given = settled = day.dates[0]
    if given < frame.today:
        moved = _moved_year(given, clock, frame)
        if moved is None:
            return frame.past(given)
        settled = moved
    for weekday in (*weekdays, *(() if day.weekday is None else (day.weekday,))):
        if weekday != settled.weekday():
            return frame.which(settled, _nearest(settled, weekday, clock, frame))
    return (settled, settled != given) if day.certain else frame.which(settled)


def _moved_year(given: date, clock: Clock | None, frame: _Frame) -> date | None:
    """The same day in the first year that puts it ahead, if that is near enough."""
    for year in range(frame.today.year, frame.today.year + 9):  # 29 February can be rare
        moved = calendar_date(year, given.month, given.day)
        if moved is not None and frame.is_ahead(moved, clock):
            return moved if (moved - frame.today).days <= frame.correction_days_max else None
    return None


def _nearest(day: date, weekday: int, clock: Clock | None, frame: _Frame) -> date:
    ahead = (weekday - day.weekday()) % 7
    before = day - timedelta(days=7 - ahead)
    return (
        before
        if 7 - ahead < ahead and frame.is_ahead(before, clock)
        else day + timedelta(days=ahead)
    )


def _settle_moment(
    moment: datetime, day: date, moved: bool, frame: _Frame
) -> ResolvedTime | TimeRefusal:
    """A moment with its own offset. When the year is moved, keeping the clinic's wall time and
    keeping the offset must come to the same."""
    local = moment.astimezone(frame.zone)
    if not moved:
        return _resolved(moment, False, frame)
    year = moment.year + day.year - local.year
    kept_date = calendar_date(year, moment.month, moment.day)
    if kept_date is None:
        return frame.past(local.date())
    kept = datetime.combine(kept_date, moment.timetz()).astimezone(frame.zone)
    clock = local.time().replace(fold=0)
    if kept.replace(tzinfo=None) == datetime.combine(day, clock):
        return _resolved(kept, True, frame)
    wall = _settle_wall_time(day, clock, True, frame)
    return wall if isinstance(wall, TimeRefusal) else frame.which(wall.local, kept)


def _settle_wall_time(
    day: date, clock: time, moved: bool, frame: _Frame
) -> ResolvedTime | TimeRefusal:
    """The clinic's wall time, unless its clocks skip or repeat it that day."""
    wall = datetime.combine(day, clock, frame.zone)
    before_change, after_change = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if before_change == after_change:
        return _resolved(before_change, moved, frame)
    if max(before_change, after_change) <= frame.now.astimezone(UTC):
        return frame.past(wall)
    candidates = [_pinned(at, frame) for at in sorted((before_change, after_change))]
    at, on = speak_time(clock, locale=frame.locale), frame.speak(day)
    if before_change < after_change:
        sentence = say(
            frame.language,
            "{time} comes twice on {day}, as the clocks go back: the first or the second?",
            time=at,
            day=on,
        )
    else:
        times = [speak_time(at.time(), locale=frame.locale) for at in candidates]
        sentence = say(
            frame.language,
            "There is no {time} on {day}, as the clocks go forward: do you mean {times}?",
            time=at,
            day=on,
            times=speak_either(frame.language, times),
        )
    return frame.ask(sentence, *candidates)


def _pinned(instant: datetime, frame: _Frame) -> datetime:
    """Local time with a fixed offset: in their zone, the two of a repeated hour compare equal."""
    local = instant.astimezone(frame.zone)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta(0)), fold=0)


def _ask_which_night(day: date, frame: _Frame) -> TimeRefusal:
    after = day + timedelta(days=1)
    nights = [datetime.combine(night, time(0), frame.zone) for night in (day, after)]
    question = say(
        frame.language,
        "Do you mean the midnight at which {day} begins, or the one at which it ends?",
        day=frame.speak(day),
    )
    return frame.ask(question, *nights)


def _ask_which_day(clock: Clock | None, frame: _Frame) -> TimeRefusal:
    if clock is None:
        return frame.refuse(
            Outcome.INVALID_DATE, say(frame.language, "Which day and time would you like?")
        )
    if clock is Unclear.MIDNIGHT:
        return frame.ask(say(frame.language, "Which day would you like to come and at what time?"))
    at = speak_time(clock, locale=frame.locale)
    return frame.ask(say(frame.language, "Which day would you like to come at {time}?", time=at))


def _resolved(instant: datetime, corrected: bool, frame: _Frame) -> ResolvedTime | TimeRefusal:
    instant = instant.astimezone(UTC)
    local = instant.astimezone(frame.zone)
    if instant <= frame.now.astimezone(UTC):
        return frame.past(local)
    return ResolvedTime(instant, local, corrected)

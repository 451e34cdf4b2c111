"""Days and times named somewhere in a sentence, and whether an appointment is at one of them.

Read generously: a weekday alone is that weekday of any week, the 26th that of any month, and three
o'clock three at night or in the afternoon, unless more was said. What then still differs, differs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from voxanne.language.clock_words import (
    WEEKDAYS,
    is_bare_hour,
    read_clock,
    read_day,
    take_part_of_day,
    tidied,
)

WORDS_MAX: Final = 120
_SPAN_WORDS_MAX: Final = 7
_DAYS_AHEAD_MAX: Final = 3_660
_HALF_A_DAY_MINUTES: Final = 720

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_ORDINAL_WORDS: Final = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first
twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth
twenty-ninth thirtieth thirty-first
"""
_CARDINAL_WORDS: Final = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five
twenty-six twenty-seven twenty-eight twenty-nine thirty thirty-one
"""
_ORDINALS: Final = {word: number for number, word in enumerate(_ORDINAL_WORDS.split(), start=1)}
_CARDINALS: Final = {word: number for number, word in enumerate(_CARDINAL_WORDS.split(), start=1)}


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted((word.replace("-", "[- ]") for word in words), key=len, reverse=True))


_NTH_NEAR_MONTH = re.compile(
    rf"\b({_MONTH})( the)? ({_any(_ORDINALS)})\b|\b(?:the )?({_any(_ORDINALS)})( of)? ({_MONTH})\b"
)
_NTH = re.compile(rf"\b(the|{_WEEKDAY}) ({_any({w: n for w, n in _ORDINALS.items() if n > 3})})\b")
_COUNT_AFTER_MONTH = re.compile(rf"\b({_MONTH}) ({_any(_CARDINALS)})\b(?! ?(?:oclock|am|pm|:))")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(?:z|[+-]\d\d:?\d\d)?")
_NOT_A_WORD = re.compile(r"[^a-z0-9:./' -]+")
_NTH_DAY = re.compile(r"(?:on )?(?:the )?(\d{1,2})(?:st|nd|rd|th)")
_WEEKDAY_NTH = re.compile(rf"(?:on )?{_WEEKDAY} (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?")
_RANGES: Final = frozenset({"from", "between"})
_LEADS: Final = frozenset({"at", "around", "about", "from", "between", "@"})
_HALF_DAY_SAID = re.compile(r"\b(?:am|pm|noon|midday|morning|afternoon|evening)\b")


@dataclass(frozen=True, slots=True)
class DaySaid:
    """Certain dates, or any date of that weekday (Monday is 0) or day of the month."""

    dates: tuple[date, ...] = ()
    weekday: int | None = None
    day_of_month: int | None = None
    today: date = date.min

    def fits(self, day: date) -> bool:
        if self.weekday == day.weekday() or self.day_of_month == day.day:
            return True
        # A model that names a year gone by means the day, in the year to come.
        return any(
            said == day or (said < self.today and (said.month, said.day) == (day.month, day.day))
            for said in self.dates
        )


@dataclass(frozen=True, slots=True)
class ClockSaid:
    """A time of day. `exact`: with am or pm, or in 24 hours."""

    at: time
    exact: bool

    def fits(self, at: time) -> bool:
        said, stored = (each.hour * 60 + each.minute for each in (self.at, at))
        if self.exact:
            return said == stored
        return said % _HALF_A_DAY_MINUTES == stored % _HALF_A_DAY_MINUTES


@dataclass(frozen=True, slots=True)
class When:
    """What could be meant by one naming of a time: any of the days, any of the clocks."""

    days: tuple[DaySaid, ...] = ()
    clocks: tuple[ClockSaid, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.days or self.clocks)

    @property
    def is_whole(self) -> bool:
        return bool(self.days and self.clocks)

    def fits_day(self, at: datetime) -> bool:
        return not self.days or any(day.fits(at.date()) for day in self.days)

    def fits_clock(self, at: datetime) -> bool:
        return not self.clocks or any(clock.fits(at.time()) for clock in self.clocks)

    def fits(self, at: datetime) -> bool:
        """Local time, as the clinic's."""
        return self.fits_day(at) and self.fits_clock(at)

    def filled_from(self, other: "When") -> "When":
        return When(self.days or other.days, self.clocks or other.clocks)

    def covers(self, other: "When") -> bool:
        """Is it as much as the other says?"""
        return (bool(self.days) or not other.days) and (bool(self.clocks) or not other.clocks)


NO_TIME: Final = When()


def find_times(plain: str, language: str, today: date, *, bare_hours: bool = False) -> When:
    """Every day and time in it, as alternatives. `plain`: from `plain_words`. `bare_hours`: "ten"
    alone is a time, too."""
    days, clocks = [], []
    for said in _named(plain, language, today, bare_hours):
        if isinstance(said, DaySaid):
            days.append(said)
        else:
            clocks.append(said)
    at_all = [day for day in days if day.dates != (today,)] or (days if clocks else [])
    return When(tuple(dict.fromkeys(at_all)), tuple(dict.fromkeys(clocks)))


def find_pairs(plain: str, language: str, today: date) -> list[When]:
    """Several appointments named in a row, each with a day and a time; else all as one."""
    named = list(_named(plain, language, today, False))
    for first, second in ((DaySaid, ClockSaid), (ClockSaid, DaySaid)):
        if len(named) >= 4 and len(named) % 2 == 0:
            evens, odds = named[::2], named[1::2]
            if all(isinstance(it, first) for it in evens) and all(
                isinstance(it, second) for it in odds
            ):
                days, clocks = (evens, odds) if first is DaySaid else (odds, evens)
                return [
                    When((day,), (clock,))
                    for day, clock in zip(days, clocks, strict=True)
                    if isinstance(day, DaySaid) and isinstance(clock, ClockSaid)
                ]
    return [find_times(plain, language, today)]


def _named(
    plain: str, language: str, today: date, bare_hours: bool
) -> Iterator[DaySaid | ClockSaid]:
    plain = _ISO.sub(r"\1 at \2", plain)
    text = _numbered(tidied(_NOT_A_WORD.sub(" ", plain), language))
    words = [word.strip(".'/-") if not word[-1:].isdigit() else word for word in text.split()]
    words = [word for word in words if word][:WORDS_MAX]
    at = 0
    while at < len(words):
        length, said = _longest(words, at, today, bare_hours)
        if said is not None:
            yield said
        at += length


def _longest(
    words: list[str], at: int, today: date, bare_hours: bool
) -> tuple[int, DaySaid | ClockSaid | None]:
    for length in range(min(_SPAN_WORDS_MAX, len(words) - at), 0, -1):
        span = " ".join(words[at : at + length])
        day = _day(span, today)
        if day is not None:
            return length, day
        clock = _clock(span, words[at - 1] if at else "", bare_hours)
        if clock is not None:
            return length, clock
    return 1, None


def _day(span: str, today: date) -> DaySaid | None:
    if span in ("sat", "sun", "wed"):
        return None  # other words more often
    found = read_day(span, today=today, days_ahead_max=_DAYS_AHEAD_MAX)
    if found is None:
        return None
    if (weekday := WEEKDAYS.get(span.removeprefix("on "))) is not None:
        return DaySaid(weekday=weekday, today=today)
    if nth := _NTH_DAY.fullmatch(span) or _WEEKDAY_NTH.fullmatch(span):
        return DaySaid(day_of_month=int(nth[1]), today=today)
    mismatched = found.weekday is not None and all(
        day.weekday() != found.weekday for day in found.dates
    )
    return DaySaid(found.dates, weekday=found.weekday if mismatched else None, today=today)


def _clock(span: str, before: str, bare_hours: bool) -> ClockSaid | None:
    led = span.split()[0] in _LEADS or before in _LEADS
    text, part = take_part_of_day(span)
    text = text.removeprefix("from ").removeprefix("between ").removeprefix("@ ")
    if not text or (part is not None and _HALF_DAY_SAID.match(span.split()[0])):
        return None
    lone = text.removeprefix("at ").removeprefix("around ").removeprefix("about ")
    is_hour = is_bare_hour(lone)
    if part is None and not led and (lone.isdigit() or is_hour) and not (bare_hours and is_hour):
        return None
    if _RANGES & {before, span.split()[0]} and " to " in f" {text} ":
        return None  # "from ten to ten thirty" is no "ten to ten"
    clock = read_clock(text, part)
    if not isinstance(clock, time):
        return None
    exact = part is not None or _HALF_DAY_SAID.search(text) is not None
    return ClockSaid(clock, exact or (clock.hour >= 13 and _is_literal(text, clock)))


def _is_literal(text: str, clock: time) -> bool:
    """`14:30` says which half of the day it is; `2:30` was read as the afternoon's."""
    return re.search(rf"\b{clock.hour}\b|\b{clock.hour}\d\d\b", text) is not None


def _numbered(text: str) -> str:
    """Days of the month in digits: "november twenty sixth", "the twenty sixth"."""

    def near_month(found: re.Match[str]) -> str:
        if found[1]:
            return f"{found[1]} {_value(_ORDINALS, found[3])}th"
        return f"{_value(_ORDINALS, found[4])}th of {found[6]}"

    text = _NTH_NEAR_MONTH.sub(near_month, text)
    text = _NTH.sub(lambda found: f"{found[1]} {_value(_ORDINALS, found[2])}th", text)
    return _COUNT_AFTER_MONTH.sub(
        lambda found: f"{found[1]} {_value(_CARDINALS, found[2])}th", text
    )


def _value(words: dict[str, int], said: str) -> int:
    return words[said.replace(" ", "-")] if said not in words else words[said]

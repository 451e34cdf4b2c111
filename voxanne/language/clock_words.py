"""The words callers use for a time of day and for a day, read exactly or not at all.

The rule for a time said with neither am/pm nor a part of the day: 7 to 11 is the morning, 12 is
noon, 1 to 6 is the afternoon. Only a clear 24-hour form is literal: an hour of 13 or more, hour 0,
or a leading zero (`03:00` is three at night, `3:00` is three in the afternoon). The rule goes by
the time itself, so `quarter to seven` and `6:45` are the same. The answer says the time back.

A day is read against the clinic's date, into the one or several dates it could be. No time zones
here: `dates` settles what is read here into an instant.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import Enum
from typing import Final

from voxanne.language.catalogue import ENGLISH
from voxanne.language.letters import plain_letters
from voxanne.language.translated_words import in_english

SAID_CHARACTERS_MAX: Final = 100
DAY_OF_MONTH_DAYS_AHEAD_MAX: Final = 31


class Unclear(Enum):
    """A time that was understood and still does not name one moment of a given day."""

    MIDNIGHT = "midnight"  # the night before that day, or the one after


Clock = time | Unclear


@dataclass(frozen=True, slots=True)
class Day:
    """A day as it was read: one date, or the several it could be."""

    dates: tuple[date, ...]
    certain: bool = True
    weekday: int | None = None


_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_HOURS = (*_ONES, "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_NUMBERS: Final = {word: at for at, word in enumerate((*_HOURS, *_TEENS), start=1)}
for _tens, _word in ((20, "twenty"), (30, "thirty"), (40, "forty"), (50, "fifty")):
    _NUMBERS[_word] = _tens
    _NUMBERS.update({f"{_word} {one}": _tens + at for at, one in enumerate(_ONES, start=1)})

_HOUR = rf"(?P<hour>{'|'.join(_HOURS)}|\d{{1,2}})"
_MINUTES = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_HALF_DAY = r"(?: (?P<half_day>am|pm))?"

_DIGITS = re.compile(
    rf"(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d\d)(?::(?P<second>\d\d))?)?(?: oclock)?{_HALF_DAY}"
)
_RUN = re.compile(rf"(?P<hour>\d{{1,2}})(?P<minute>\d\d){_HALF_DAY}")
_FROM_HOUR = re.compile(
    rf"(?:half(?: past)?|(?P<count>(?:a )?quarter|{_MINUTES}|\d{{1,2}})(?P<unit> minutes?)?"
    rf" (?P<way>past|after|to|before|till)) {_HOUR}{_HALF_DAY}"
)
_HOUR_WORD = re.compile(
    rf"(?P<hour>{'|'.join(_HOURS)})(?: (?P<minute>(?:oh|o|zero) (?:{'|'.join(_ONES)})|"
    rf"{_MINUTES}))?(?: oclock)?{_HALF_DAY}"
)
_BARE_HOUR = re.compile(rf"{'|'.join(_HOURS)}|\d{{1,2}}")
_LEAD = re.compile(r"(?:at )?(?:(?:around|about) )?")
_PART = re.compile(r"(?:\bin the )?\b(morning|afternoon|evening)\b")
_PART_HOURS: Final = {
    "morning": range(12),
    "afternoon": range(12, 19),
    "evening": range(16, 24),
}

WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "mon"),
            ("tuesday", "tue", "tues"),
            ("wednesday", "wed", "weds"),
            ("thursday", "thu", "thur", "thurs"),
            ("friday", "fri"),
            ("saturday", "sat"),
            ("sunday", "sun"),
        )
    )
    for name in names
}
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
_DAYS_FROM_TODAY: Final = {
    "today": 0,
    "tomorrow": 1,
    "day after tomorrow": 2,
    "the day after tomorrow": 2,
}

_W, _M = f"(?P<weekday>{'|'.join(WEEKDAYS)})", f"(?P<month>{'|'.join(_MONTHS)})"
_NTH, _YEAR = r"(?:the )?(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?: (?:of )?(?P<year>\d{4}))?"
_WEEKDAY = re.compile(rf"(?:(?P<which>next|this|coming|this coming|the coming) )?{_W}")
_COUNT = rf"(?P<count>a|{_MINUTES}|\d{{1,2}})"
_UNIT, _WEEKS = "(?P<unit>day|week|fortnight)", "(?P<unit>week|fortnight)"
_START = rf"(?P<start>today|tomorrow|{'|'.join(WEEKDAYS)})"
_FROM_NOW = re.compile(
    rf"(?=in |.* from now$)(?:in )?{_COUNT} {_UNIT}(?:s|'s|s')?(?: time| from now)?"
)
_FROM_DAY = re.compile(rf"(?:in )?{_COUNT} {_UNIT}s? from {_START}")
_WEEKS_ON = re.compile(rf"{_COUNT} {_WEEKS}s?(?: on)? {_START}")
_DAY_WEEK = re.compile(rf"{_START} {_WEEKS}")
_UNIT_DAYS: Final = {"day": 1, "week": 7, "fortnight": 14}
_WEEKDAY_FIRST = re.compile(rf"{_W} (?P<rest>.+)")
_MONTH_DAY = re.compile(rf"{_M} {_NTH}{_YEAR}")
_DAY_MONTH = re.compile(rf"{_NTH} (?:of )?{_M}{_YEAR}")
_DAY_ONLY = re.compile(r"(?:the )?(?P<day>\d{1,2})(?:st|nd|rd|th)")
_YEAR_FIRST = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d{4})/(\d{1,2})/(\d{1,2})|(\d{4})(\d\d)(\d\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")

_APOSTROPHES_AND_SPACES = str.maketrans("\u2019\u2018\u02bc\u00a0\u202f", "'''  ")
_TIDYING: Final = (
    (re.compile(r"(?<!:\d\d),|,(?!\d)"), " "),  # a comma, except in an ISO fraction
    (re.compile(r"(?<![a-z])([ap])\.? ?m\b\.?"), r" \1m"),  # 3p.m.
    (re.compile(r"(?<![a-z])o ?'? ?clock\b"), " oclock"),
    (re.compile(r"(?<=[a-z])\."), ""),  # Nov.
    (re.compile(r"(?<=[a-z])-|-(?=[a-z])"), " "),  # twenty-five, 24-Nov-2026
)


def plain_text(value: object, language: str = ENGLISH) -> str | None:
    """What was sent, in lower case with single spaces, and in English; "" if nothing was; None if
    it can't name a time: not a string, over `SAID_CHARACTERS_MAX`, or in other letters."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > SAID_CHARACTERS_MAX:
        return None
    text = value.translate(_APOSTROPHES_AND_SPACES)
    if language != ENGLISH:
        text = plain_letters(text)
    if not text.isascii():
        return None
    text = " ".join(text.lower().split())
    return tidied(text, language) or None if text else ""


def tidied(text: str, language: str = ENGLISH) -> str:
    """Small ASCII text as the readers of this module want it: `3 p.m.` as `3 pm`, and days and
    times of the language in English."""
    for pattern, replacement in _TIDYING:
        text = pattern.sub(replacement, text)
    return in_english(" ".join(text.split()), language).rstrip(" .")


def take_part_of_day(text: str) -> tuple[str, str | None]:
    """The text without `morning`, `in the afternoon` …, and which one it was, if exactly one."""
    if len(found := _PART.findall(text)) != 1:
        return text, None
    return " ".join(_PART.sub(" ", text).split()), found[0]


def is_bare_hour(text: str) -> bool:
    """A lone number, which next to a date could as well be a day or a year."""
    return _BARE_HOUR.fullmatch(text) is not None


def read_clock(text: str, part: str | None = None) -> Clock | None:
    """The time `text` (from `plain_text`) names, within the part of the day said; None if none."""
    if lead := _LEAD.match(text):
        text = text[lead.end() :]
    if text in ("noon", "midday", "mid day", "12 noon", "twelve noon"):
        return time(12) if part is None else None
    if text in ("midnight", "12 midnight", "twelve midnight"):
        return Unclear.MIDNIGHT if part is None else None
    if found := _DIGITS.fullmatch(text):
        return _from_digits(found.groupdict(), part)
    if found := _RUN.fullmatch(text):
        whole = len(found["hour"]) == 2 or found["half_day"] or part
        return _from_digits(found.groupdict(), part) if whole else None
    if found := _FROM_HOUR.fullmatch(text):
        return _from_the_hour(found.groupdict(), part)
    if found := _HOUR_WORD.fullmatch(text):
        return _from_words(found.groupdict(), part)
    return None


def _from_digits(said: dict[str, str | None], part: str | None) -> Clock | None:
    written = said["hour"] or ""
    hour, minute, second = int(written), int(said["minute"] or 0), int(said.get("second") or 0)
    if hour > 23 or minute > 59 or second > 59 or (hour == 0 and said["minute"] is None):
        return None
    half_day = said["half_day"]
    if 1 <= hour <= 12 and (half_day or part or not written.startswith("0")):
        return _from_twelve(hour, minute, second, half_day, part)
    if half_day:
        return None
    return _within(time(hour, minute, second), part)


def _from_the_hour(said: dict[str, str | None], part: str | None) -> Clock | None:
    """`half past two`, `half two` (British for 2:30), `quarter to four`, `ten past nine`."""
    hour = _number(said["hour"])
    minutes = 30 if said["count"] is None else _number(said["count"])
    if not (1 <= hour <= 12 and 1 <= minutes <= 59):
        return None
    if said["way"] in ("to", "before", "till"):
        if said["unit"] is None and (minutes % 5 or hour == minutes + 1):
            return None  # "3 to 4" is as likely a range
        hour, minutes = (hour - 1) or 12, 60 - minutes
    return _from_twelve(hour, minutes, 0, said["half_day"], part)


def _from_words(said: dict[str, str | None], part: str | None) -> Clock | None:
    """`three o'clock`, `nine thirty`, `nine oh five`; but not `nine five`."""
    kind, _, one = (said["minute"] or "").partition(" ")
    minute = _number(one) if kind in ("oh", "o", "zero") else _number(said["minute"])
    if said["minute"] in _ONES:
        return None
    return _from_twelve(_number(said["hour"]), minute, 0, said["half_day"], part)


def _number(word: str | None) -> int:
    if word is None:
        return 0
    if word.endswith("quarter"):
        return 15
    return int(word) if word.isdigit() else _NUMBERS[word]


def _from_twelve(
    hour: int, minute: int, second: int, half_day: str | None, part: str | None
) -> Clock | None:
    """A 12-hour time, by am/pm, else by the part of the day, else by the rule of this module."""
    if half_day is None and part is not None:
        half_day = "am" if part == "morning" else "pm"
    if half_day is None:
        half_day = "am" if 7 <= hour <= 11 else "pm"
    if hour == 12 and half_day == "am" and minute == second == 0:
        return Unclear.MIDNIGHT if part in (None, "morning") else None
    return _within(time(hour % 12 + (12 if half_day == "pm" else 0), minute, second), part)


def _within(at: time, part: str | None) -> time | None:
    return at if part is None or at.hour in _PART_HOURS[part] else None


def calendar_date(year: int, month: int, day: int) -> date | None:
    """The date, or None for one that no calendar has."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_day(text: str, *, today: date, days_ahead_max: int) -> Day | None:
    """The day `text` (from `plain_text`) names, said on `today`; None if none. A month and day
    without a year are certain only within `days_ahead_max`."""
    text = text.removeprefix("on ")
    if text in _DAYS_FROM_TODAY:
        return Day((today + timedelta(days=_DAYS_FROM_TODAY[text]),))
    if found := _WEEKDAY.fullmatch(text):
        return _coming_weekday(WEEKDAYS[found["weekday"]], found["which"] == "next", today)
    if found := _FROM_NOW.fullmatch(text):
        day = _day_after("today", found, today)
        # "In two weeks" is said of that day, and of the days around it.
        return day and replace(day, certain=found["unit"] == "day")
    if found := _FROM_DAY.fullmatch(text) or _WEEKS_ON.fullmatch(text) or _DAY_WEEK.fullmatch(text):
        return _day_after(found["start"], found, today)
    if not (found := _WEEKDAY_FIRST.fullmatch(text)):
        return _read_written_day(text, today, days_ahead_max)
    day = _read_written_day(found["rest"], today, days_ahead_max)
    return None if day is None else replace(day, weekday=WEEKDAYS[found["weekday"]])


def _coming_weekday(weekday: int, said_next: bool, today: date) -> Day:
    """Said on that very weekday it is today or in a week; `next` is the coming one or the one of
    next week, weeks beginning on Monday, which may be the same day."""
    ahead = (weekday - today.weekday()) % 7
    days = {ahead or 7}
    if said_next:
        days.add(7 - today.weekday() + weekday)
    elif not ahead:
        days.add(0)
    return Day(tuple(today + timedelta(days=number) for number in sorted(days)))


def _day_after(start: str, counted: re.Match[str], today: date) -> Day | None:
    """So many days or weeks after today, tomorrow or the coming weekday, which may be two days."""
    said = counted.groupdict()
    count, unit = said.get("count", "a"), said["unit"]
    days = (1 if count == "a" else _number(count)) * _UNIT_DAYS[unit]
    if days == 0 or (count == "a" and unit == "day"):
        return None  # "in a day or two"
    if start in WEEKDAYS:
        coming = _coming_weekday(WEEKDAYS[start], False, today)
    else:
        coming = Day((today + timedelta(days=_DAYS_FROM_TODAY[start]),))
    return Day(tuple(day + timedelta(days=days) for day in coming.dates))


def _read_written_day(text: str, today: date, days_ahead_max: int) -> Day | None:
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(number) for number in found.groups() if number is not None)
        return _one_day(calendar_date(year, month, day))
    if found := _YEAR_LAST.fullmatch(text):
        return _read_numbers(int(found[1]), int(found[3]), int(found[4]), found[2] == ".")
    if found := _DAY_ONLY.fullmatch(text):
        return _day_of_month(int(found["day"]), today)
    if not (found := _DAY_MONTH.fullmatch(text) or _MONTH_DAY.fullmatch(text)):
        return None
    month, day = _MONTHS[found["month"]], int(found["day"])
    if found["year"] is not None:
        return _one_day(calendar_date(int(found["year"]), month, day))
    return _month_and_day(month, day, today, days_ahead_max)


def _one_day(day: date | None) -> Day | None:
    return None if day is None else Day((day,))


def _read_numbers(first: int, second: int, year: int, dotted: bool) -> Day | None:
    """`24/11/2026` and `11/24/2026`; with dots the day always comes first."""
    readings = {calendar_date(year, second, first)}
    if not dotted:
        readings.add(calendar_date(year, first, second))
    dates = tuple(sorted(day for day in readings if day is not None))
    return Day(dates) if dates else None


def _month_and_day(month: int, day: int, today: date, days_ahead_max: int) -> Day | None:
    """The next time it comes; 29 February can be eight years off."""
    for year in range(today.year, today.year + 9):
        found = calendar_date(year, month, day)
        if found is not None and found >= today:
            return Day((found,), certain=(found - today).days <= days_ahead_max)
    return None


def _day_of_month(day: int, today: date) -> Day | None:
    """`the 5th`: the next one; said on a 5th it is today or in a month."""
    coming = [today] if day == today.day else []
    for months in range(3):
        years, month = divmod(today.month - 1 + months, 12)
        found = calendar_date(today.year + years, month + 1, day)
        if found is not None and found > today:
            near = (found - today).days <= DAY_OF_MONTH_DAYS_AHEAD_MAX
            return Day((*coming, found), certain=near)
    return None

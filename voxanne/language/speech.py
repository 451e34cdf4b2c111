"""How dates and times are spoken: CLDR's names in the order the place uses.

Babel's formatters cost ~50 microseconds a call, so each locale's names and order are read once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Final

from babel import Locale, localedata
from babel.core import get_global

from voxanne.language.catalogue import ENGLISH, language_or_english, say, say_many

FALLBACK_REGION: Final = "GB"

DAY_FIRST: Final = ("{weekday} {day} {month}", "{weekday} {day} {month} {year}")
MONTH_FIRST: Final = ("{weekday}, {month} {day}", "{weekday}, {month} {day}, {year}")


@dataclass(frozen=True, slots=True)
class _Custom:
    """One locale's names (Monday and January first), orders and clock."""

    language: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    date: str
    date_with_year: str
    half_days: tuple[str, str] | None


@lru_cache(maxsize=64)
def _custom(locale: str) -> _Custom:
    found = Locale.parse(locale)
    weekdays, months = found.days["format"]["wide"], found.months["format"]["wide"]
    order = found.date_formats["long"].pattern
    plain, with_year = MONTH_FIRST if order.index("M") < order.index("d") else DAY_FIRST
    twelve_hours = "h" in found.time_formats["short"].pattern
    periods = found.day_periods["format"]["abbreviated"]
    half_days = [periods[half].replace("\u202f", " ") for half in ("am", "pm")]
    return _Custom(
        language=found.language,
        weekdays=tuple(weekdays[number] for number in range(7)),
        months=tuple(months[number] for number in range(1, 13)),
        date=plain,
        date_with_year=with_year,
        half_days=(half_days[0], half_days[1]) if twelve_hours else None,
    )


def _fill(pattern: str, custom: _Custom, day: date) -> str:
    return say(
        custom.language,
        pattern,
        weekday=custom.weekdays[day.weekday()],
        day=day.day,
        month=custom.months[day.month - 1],
        year=day.year,
    )


def speak_date(day: date, *, today: date, locale: str) -> str:
    """`Thursday 26 November`, or `Thursday, November 26` where that is the custom; the year is
    said only when it isn't `today`'s."""
    custom = _custom(locale)
    return _fill(custom.date if day.year == today.year else custom.date_with_year, custom, day)


def speak_date_with_year(day: date, *, locale: str) -> str:
    """`Thursday 26 November 2026`, whatever the year is now."""
    custom = _custom(locale)
    return _fill(custom.date_with_year, custom, day)


def speak_time(at: time, *, locale: str) -> str:
    """`10 am`, `2:30 pm`, `12 noon`, `12 midnight` in English; elsewhere CLDR's 12 or 24 hours:
    `10 Uhr`, `14:30`. Seconds are not spoken."""
    custom = _custom(locale)
    if custom.language == ENGLISH:
        if at.minute == 0 and at.hour in (0, 12):
            return "12 noon" if at.hour else "12 midnight"
        minutes = f":{at.minute:02}" if at.minute else ""
        return f"{at.hour % 12 or 12}{minutes} {'am' if at.hour < 12 else 'pm'}"
    if custom.half_days is not None:
        return f"{at.hour % 12 or 12}:{at.minute:02} {custom.half_days[at.hour >= 12]}"
    if at.minute == 0:
        return say(custom.language, "{hour}:00", hour=at.hour)
    return say(custom.language, "{hour}:{minute}", hour=at.hour, minute=f"{at.minute:02}")


def speak_moment(at: datetime, *, today: date, locale: str) -> str:
    """`Thursday 26 November at 10 am`. `at` is aware and already in the clinic's local time, and
    `today` is the clinic's date; nothing is converted here."""
    custom = _custom(locale)
    hour = at.hour if custom.half_days is None else at.hour % 12
    return say_many(
        custom.language,
        "{date} at {time}",
        "{date} at {time}",
        hour,  # Spanish has "a la 1:30" and "a las 2:30"
        date=speak_date(at.date(), today=today, locale=locale),
        time=speak_time(at.time(), locale=locale),
    )


def speak_either(language: str, options: Sequence[str]) -> str:
    """`A`, `A or B`, `A, B, or C`. Raises IndexError for none."""
    if len(options) == 2:
        return say(language, "{first} or {second}", first=options[0], second=options[1])
    spoken = options[0]
    for option in options[1:-1]:
        spoken = say(language, "{earlier}, {next}", earlier=spoken, next=option)
    if len(options) == 1:
        return spoken
    return say(language, "{earlier}, or {last}", earlier=spoken, last=options[-1])


@lru_cache(maxsize=1024)
def locale_for(country: str | None, timezone: str, language: str = ENGLISH) -> tuple[str, str]:
    """The locale a clinic's answers are spoken in, and its region: `("en_GB", "GB")`.

    The region is `region_of`'s, then GB. A region that CLDR doesn't know with that language is
    spoken to as in `en_GB`, `es` or `de`; an unknown language is English.
    """
    region = region_of(country, timezone) or FALLBACK_REGION
    spoken = language_or_english(language)
    if localedata.exists(locale := f"{spoken}_{region}"):
        return locale, region
    return (f"{ENGLISH}_{FALLBACK_REGION}" if spoken == ENGLISH else spoken), region


def region_of(country: str | None, timezone: str) -> str | None:
    """The country (ISO 3166-1 alpha-2) as given, else CLDR's territory of the IANA zone, if any."""
    zone = get_global("zone_aliases").get(timezone, timezone)
    return _known_region(country) or _known_region(get_global("zone_territories").get(zone))


def _known_region(country: str | None) -> str | None:
    region = (country or "").strip().upper()
    region = get_global("territory_aliases").get(region, [region])[0]
    known = len(region) == 2 and region != "ZZ" and region in Locale.parse("en").territories
    return region if known else None

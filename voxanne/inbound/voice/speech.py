"""How dates and times are spoken: CLDR's names in the order the place uses.

Babel's formatters cost ~50 microseconds a call, so each locale's names and order are read once.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Final

from babel import Locale, localedata
from babel.core import get_global

FALLBACK_REGION: Final = "GB"
FALLBACK_LOCALE: Final = "en_GB"

_DAY_FIRST: Final = ("{weekday} {day} {month}", "{weekday} {day} {month} {year}")
_MONTH_FIRST: Final = ("{weekday}, {month} {day}", "{weekday}, {month} {day}, {year}")
_DATE_PATTERNS: Final = {
    "de": ("{weekday}, {day}. {month}", "{weekday}, {day}. {month} {year}"),
    "es": ("{weekday} {day} de {month}", "{weekday} {day} de {month} de {year}"),
}
_MOMENT_PATTERNS: Final = {"de": "{date} um {time}", "es": "{date} a las {time}"}
_MOMENT_PATTERN: Final = "{date} at {time}"


@dataclass(frozen=True, slots=True)
class _Custom:
    """One locale's names (Monday and January first) and orders."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    date: str
    date_with_year: str
    moment: str
    clock: str
    half_days: tuple[str, str] | None
    english: bool


@lru_cache(maxsize=64)
def _custom(locale: str) -> _Custom:
    found = Locale.parse(locale)
    weekdays, months = found.days["format"]["wide"], found.months["format"]["wide"]
    order = found.date_formats["long"].pattern
    month_first = order.index("M") < order.index("d")
    plain, with_year = _DATE_PATTERNS.get(
        found.language, _MONTH_FIRST if month_first else _DAY_FIRST
    )
    twelve_hours = "h" in found.time_formats["short"].pattern
    periods = found.day_periods["format"]["abbreviated"]
    return _Custom(
        weekdays=tuple(weekdays[number] for number in range(7)),
        months=tuple(months[number] for number in range(1, 13)),
        date=plain,
        date_with_year=with_year,
        moment=_MOMENT_PATTERNS.get(found.language, _MOMENT_PATTERN),
        clock="{} Uhr" if found.language == "de" else "{}",
        half_days=(periods["am"], periods["pm"]) if twelve_hours else None,
        english=found.language == "en",
    )


def _fill(pattern: str, custom: _Custom, day: date) -> str:
    return pattern.format(
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
    """`10 am`, `2:30 pm`, `12 noon`, `12 midnight` in English; elsewhere CLDR's 12 or 24 hours.
    Seconds are not spoken."""
    custom = _custom(locale)
    if custom.english:
        if at.minute == 0 and at.hour in (0, 12):
            return "12 noon" if at.hour else "12 midnight"
        minutes = f":{at.minute:02}" if at.minute else ""
        return f"{at.hour % 12 or 12}{minutes} {'am' if at.hour < 12 else 'pm'}"
    if custom.half_days is not None:
        return f"{at.hour % 12 or 12}:{at.minute:02} {custom.half_days[at.hour >= 12]}"
    return custom.clock.format(f"{at.hour:02}:{at.minute:02}")


def speak_moment(at: datetime, *, today: date, locale: str) -> str:
    """`Thursday 26 November at 10 am`. `at` is aware and already in the clinic's local time, and
    `today` is the clinic's date; nothing is converted here."""
    return _custom(locale).moment.format(
        date=speak_date(at.date(), today=today, locale=locale),
        time=speak_time(at.time(), locale=locale),
    )


@lru_cache(maxsize=1024)
def locale_for(country: str | None, timezone: str) -> tuple[str, str]:
    """The locale a clinic's answers are spoken in, and its region: `("en_GB", "GB")`.

    The country (ISO 3166-1 alpha-2) decides, then CLDR's territory of the IANA zone, then GB.
    Always English for now; a region whose English CLDR does not know is spoken to as en_GB.
    """
    region = _known_region(country) or _zone_region(timezone) or FALLBACK_REGION
    locale = f"en_{region}"
    return (locale if localedata.exists(locale) else FALLBACK_LOCALE), region


def _known_region(country: str | None) -> str | None:
    region = (country or "").strip().upper()
    region = get_global("territory_aliases").get(region, [region])[0]
    known = len(region) == 2 and region != "ZZ" and region in Locale.parse("en").territories
    return region if known else None


def _zone_region(timezone: str) -> str | None:
    zone = get_global("zone_aliases").get(timezone, timezone)
    return _known_region(get_global("zone_territories").get(zone))

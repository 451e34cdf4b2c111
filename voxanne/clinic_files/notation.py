"""How a clinic's file writes spans, weekdays, days, lengths and prices, in both directions.

The readers return None for what they can't read. Times are wall time, `HH:MM`.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from babel.numbers import get_currency_precision, is_currency

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS_PER_RANGE_MAX = 366

_TIME = r"\d{1,2}[:.]\d{2}(?::\d{2})?"
_SPAN = re.compile(rf"({_TIME})\s*(?:-|–|—|to)\s*({_TIME})(?:\s+(\S.*))?", re.DOTALL)
_LENGTH_PART = re.compile(r"(\d{1,6})\s*([a-z]*)\s*")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_UNITS = {
    name: seconds
    for unit, seconds in _SECONDS.items()
    for name in (unit, f"{unit}s", unit[:3], f"{unit[:3]}s", unit[0])
} | {"hr": 3600, "hrs": 3600}


def read_time(said: str) -> str | None:
    """`9:00` or `09:00` as `09:00`; `24:00` is the day's end."""
    said = said.strip().replace(".", ":").zfill(5)
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?|24:00", said):
        return None
    return said


def read_span(said: str) -> tuple[str, str, str] | None:
    """`13:00-14:00 lunch` as its beginning, its end and the words after it."""
    found = _SPAN.fullmatch(said.strip())
    if found is None:
        return None
    begins, ends = read_time(found[1]), read_time(found[2])
    return None if begins is None or ends is None else (begins, ends, found[3] or "")


def read_weekdays(said: str) -> list[int] | None:
    """`monday`, `mon-fri`, `saturday, sunday` as ISO weekdays; Monday is 1."""
    days: list[int] = []
    for part in said.lower().split(","):
        ends = [_weekday(word.strip()) for word in re.split(r"[-–—]|\bto\b", part)]
        if not 1 <= len(ends) <= 2 or not all(ends):
            return None
        first, last = ends[0], ends[-1]
        if last < first:
            last += 7
        days += [(day - 1) % 7 + 1 for day in range(first, last + 1)]
    return days if len(set(days)) == len(days) else None


def _weekday(word: str) -> int:
    """0 when it is none."""
    if len(word) < 2:
        return 0
    fits = [number for number, name in enumerate(WEEKDAYS, 1) if name.startswith(word)]
    return fits[0] if len(fits) == 1 else 0


def read_days(said: str) -> list[date] | None:
    """`2026-12-24` or `2026-12-24..2027-01-01`, both ends included, at most DAYS_PER_RANGE_MAX."""
    first_said, dots, last_said = said.strip().partition("..")
    first = _day(first_said)
    last = _day(last_said) if dots else first
    if first is None or last is None or not 0 <= (last - first).days < DAYS_PER_RANGE_MAX:
        return None
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _day(said: str) -> date | None:
    if not re.fullmatch(r"(?:19|2\d)\d{2}-\d{2}-\d{2}", said.strip()):
        return None
    try:
        return date.fromisoformat(said.strip())
    except ValueError:
        return None


def read_seconds(said: str, bare_unit: str) -> int | None:
    """`90 minutes`, `1h 30m`, `2 days`; a number alone is in `bare_unit`."""
    said = said.strip().lower()
    if said.isascii() and said.isdigit() and len(said) <= 6:
        return int(said) * _SECONDS[bare_unit]
    total, position = 0, 0
    while position < len(said):
        part = _LENGTH_PART.match(said, position)
        if part is None or part[2] not in _UNITS:
            return None
        total += int(part[1]) * _UNITS[part[2]]
        position = part.end()
    return total if said else None


def read_price(said: str) -> tuple[int, str] | None:
    """`60.00 GBP` as (6000, "GBP"): the currency's minor units."""
    found = re.fullmatch(r"(\d{1,10})(?:\.(\d{1,3}))?\s*([A-Za-z]{3})", said.strip())
    if found is None:
        return None
    currency = found[3].upper()
    digits = get_currency_precision(currency)
    if not is_currency(currency) or len(found[2] or "") > digits:
        return None
    return int(found[1] + (found[2] or "").ljust(digits, "0")), currency


def write_weekdays(days: Sequence[int]) -> str:
    """ISO weekdays in a row as `monday-friday`."""
    first, last = WEEKDAYS[days[0] - 1], WEEKDAYS[days[-1] - 1]
    return first if first == last else f"{first}-{last}"


def write_days(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first}..{last}"


def write_minutes(minutes: int) -> str:
    """`90 minutes`, `2 hours`: whole hours from two on."""
    number, unit = (
        (minutes // 60, "hour") if minutes >= 120 and minutes % 60 == 0 else (minutes, "minute")
    )
    return f"{number} {unit}{'' if number == 1 else 's'}"


def write_price(minor_units: int, currency: str) -> str:
    digits = get_currency_precision(currency)
    return f"{Decimal(minor_units).scaleb(-digits):.{digits}f} {currency}"

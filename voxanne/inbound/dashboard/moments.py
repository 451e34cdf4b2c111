"""How a clinic writes dates, times, durations, phone numbers and calls' ids on a page."""

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale
from babel.dates import format_date, format_time, get_timezone_location

CALL_SLASH: Final = "%2F"


@dataclass(frozen=True, slots=True)
class Moments:
    """In the clinic's zone and custom. Instants are aware datetimes, or ISO text as SQL has it."""

    zone: ZoneInfo
    locale: str
    today: date

    def local(self, at: datetime | str) -> datetime:
        return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(self.zone)

    def time(self, at: datetime | str | time) -> str:
        """`9:30 AM`, `09:30`."""
        said = at if isinstance(at, time) else self.local(at).time()
        return format_time(said, "short", locale=self.locale).replace("\u202f", " ")

    def day(self, at: datetime | str | date) -> str:
        """`Wednesday, 25 November 2026`."""
        return format_date(self._date(at), "full", locale=self.locale)

    def short_day(self, at: datetime | str | date) -> str:
        """`Wed 25 Nov`, `Wed, Nov 25` in the US; with the year where it isn't this one."""
        said = self._date(at)
        this_year, another = _short_patterns(self.locale)
        pattern = this_year if said.year == self.today.year else another
        return format_date(said, pattern, locale=self.locale)

    def birth_date(self, born: str) -> str:
        """`28 Feb 1990`, of `1990-02-28`."""
        return format_date(date.fromisoformat(born), "d MMM y", locale=self.locale)

    def moment(self, at: datetime | str) -> str:
        """`Wed 25 Nov, 09:30`."""
        return f"{self.short_day(at)}, {self.time(at)}"

    def weekday(self, day: date) -> str:
        """`Wed`."""
        return format_date(day, "EEE", locale=self.locale)

    def month(self, day: date) -> str:
        """`November 2026`."""
        return format_date(day, "LLLL y", locale=self.locale)

    def place(self) -> str:
        """Where these times hold: `New York`."""
        return get_timezone_location(self.zone, locale=self.locale, return_city=True)

    def _date(self, at: datetime | str | date) -> date:
        if isinstance(at, str | datetime):
            return self.local(at).date()
        return at


@cache
def _short_patterns(locale: str) -> tuple[str, str]:
    """Without and with the year, in the order of day and month that is the custom."""
    order = Locale.parse(locale).date_formats["long"].pattern
    if order.index("M") < order.index("d"):
        return "EEE, MMM d", "EEE, MMM d, y"
    return "EEE d MMM", "EEE d MMM y"


def phone_text(e164: str | None) -> str:
    """`+44 20 7946 0958`; what isn't a number, as it is."""
    if not e164:
        return ""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def call_path(call_id: str) -> str:
    """A call's address below its clinic, whatever its platform calls it. A slash is written twice
    over, since the server would read one as the end of a part.
    """
    return "/calls/" + quote(call_id, safe="").replace(CALL_SLASH, quote(CALL_SLASH))


def duration_text(seconds: float | None) -> str:
    """`2 min 14 s`, `45 s`, `1 h 5 min`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")

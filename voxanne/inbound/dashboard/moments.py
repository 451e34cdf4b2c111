"""How a clinic writes dates, times, durations and phone numbers on a page."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date, format_time, get_timezone_location


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
        """`Wed 25 Nov`, with the year where it isn't this one."""
        said = self._date(at)
        pattern = "EEE d MMM" if said.year == self.today.year else "EEE d MMM y"
        return format_date(said, pattern, locale=self.locale)

    def moment(self, at: datetime | str) -> str:
        """`Wed 25 Nov, 09:30`."""
        return f"{self.short_day(at)}, {self.time(at)}"

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


def phone_text(e164: str | None) -> str:
    """`+44 20 7946 0958`; what isn't a number, as it is."""
    if not e164:
        return ""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


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

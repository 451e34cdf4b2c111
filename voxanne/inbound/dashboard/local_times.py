"""Days and times as a clinic's pages send them: `2026-11-25` and `09:45`, in the clinic's zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, format_time

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.moments import Moments
from voxanne.inbound.v1.problems import RefusedError

_DAY: Final = re.compile(r"(?:19[7-9]\d|[2-9]\d{3})-\d\d-\d\d", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::00)?", re.ASCII)
# With a week around them, inside of what `day_view` takes.
_FIRST: Final = date(1970, 2, 1)
_LAST: Final = date(9999, 11, 1)

Which = Literal["earlier", "later"]


@dataclass(frozen=True, slots=True)
class LocalTime:
    """An instant as a form writes it. `which` of the two, where that clock comes twice."""

    day: str
    time: str
    which: Which | Literal[""]

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> "LocalTime":
        local = at.astimezone(zone)
        first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
        which: Which = "later" if local.fold else "earlier"
        return cls(f"{local:%Y-%m-%d}", f"{local:%H:%M}", "" if first == second else which)

    def fields(self) -> dict[str, str]:
        """As a form sends it: `which` where it is needed."""
        named = {"day": self.day, "time": self.time}
        return named | ({"which": self.which} if self.which else {})


def read_day(said: str) -> date | None:
    """None of what is no day of the calendar, February 1970 to October 9999."""
    if not _DAY.fullmatch(said):
        return None
    try:
        day = date.fromisoformat(said)
    except ValueError:
        return None
    return day if _FIRST <= day <= _LAST else None


def read_time(said: str) -> time | None:
    found = _CLOCK.fullmatch(said)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return time(int(found[1]), int(found[2]))


def read_local(day: str, clock: str, which: str, when: Moments) -> datetime:
    """The instant, UTC, of a day and a time at the clinic.

    Raises RefusedError: INVALID_DATE for what is no day or time, or is skipped where the clocks go
    forward; NEEDS_CONFIRMATION, with what it could be in `which`, for one that comes twice.
    """
    on, at = read_day(day), read_time(clock)
    if on is None:
        raise RefusedError(Outcome.INVALID_DATE, "Give the day like 2026-11-25.", {"where": "day"})
    if at is None:
        raise RefusedError(Outcome.INVALID_DATE, "Give the time like 09:45.", {"where": "time"})
    earlier, later = (
        datetime.combine(on, at, when.zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if earlier == later:
        return earlier
    if earlier > later:
        raise RefusedError(
            Outcome.INVALID_DATE,
            f"There is no {when.time(at)} on {when.short_day(on)}: the clocks go forward over it. "
            "Choose another time.",
            {"where": "time"},
        )
    if which not in ("earlier", "later"):
        raise RefusedError(
            Outcome.NEEDS_CONFIRMATION,
            f"{when.time(at)} comes twice on {when.short_day(on)}, as the clocks go back. "
            "Say whether you mean the earlier or the later one.",
            {"where": "which", "which": ["earlier", "later"]},
        )
    return earlier if which == "earlier" else later


@lru_cache(maxsize=4096)
def clock_text(minute: int, locale: str, *, whole: bool = False) -> str:
    """A minute of the day as the place writes it: `9:45 AM`, `09:45`; `whole`: an hour, `9 AM`."""
    at = time(minute // 60, minute % 60)
    if whole and "h" in Locale.parse(locale).time_formats["short"].pattern:
        return format_skeleton("h", at, locale=locale).replace("\u202f", " ")
    return format_time(at, "short", locale=locale).replace("\u202f", " ")

"""Moments as files write them: with an offset, or in the clinic's wall time."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from voxanne.booking.outcomes import Outcome

_MOMENT = re.compile(
    r"((?:19|2\d)\d{2}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}(?::\d{2})?)\s*(Z|[+-]\d{2}:?\d{2})?", re.I
)


class MomentError(ValueError):
    """No moment, or one of two. The message says which, and what would be right."""

    def __init__(self, message: str, outcome: Outcome = Outcome.INVALID_DATE) -> None:
        super().__init__(message)
        self.outcome = outcome


def read_moment(said: str, zone: ZoneInfo) -> datetime:
    """An aware moment. Without an offset it is in `zone`, where it must exist, and only once.

    Raises MomentError.
    """
    found = _MOMENT.fullmatch(said.strip())
    if found is None:
        raise MomentError("This is no date and time: write it like 2026-12-05 12:00")
    day, clock, offset = found[1], found[2], (found[3] or "").upper()
    try:
        wall = datetime.fromisoformat(f"{day}T{clock.zfill(8 if clock.count(':') == 2 else 5)}")
        if offset:
            return datetime.fromisoformat(f"{wall.isoformat()}{offset.replace('Z', '+00:00')}")
    except ValueError:
        raise MomentError("There is no such day or time in the calendar") from None
    return settle(wall, zone)


def settle(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall time (naive) in a zone. Raises MomentError where the clocks change and
    it is none, or two.
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise MomentError(f"{wall:%Y-%m-%d %H:%M} doesn't exist: the clocks go forward then")
    written = first.isoformat(timespec="minutes"), second.isoformat(timespec="minutes")
    raise MomentError(
        f"{wall:%Y-%m-%d %H:%M} happens twice, as the clocks go back: write its offset, "
        f"{written[0]} or {written[1]}",
        Outcome.NEEDS_CONFIRMATION,
    )

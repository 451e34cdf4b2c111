"""When a patient may be texted: not at night, where they live."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone

_NOWHERE: Final = timezone.UNKNOWN_TIMEZONE


@lru_cache(maxsize=4096)
def zone_of(phone: str, clinic_zone: str) -> ZoneInfo:
    """The zone of a number's region. The clinic's, where that is one of several or none is known:
    a mobile number's country may have many.
    """
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        zones = ()
    if not zones or zones[0] == _NOWHERE or clinic_zone in zones:
        return ZoneInfo(clinic_zone)
    try:
        return ZoneInfo(zones[0])
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(clinic_zone)


def quiet_until(now: datetime, zone: ZoneInfo, starts: time, ends: time) -> datetime | None:
    """When the quiet hours end that `now` lies in, in UTC; None outside them.

    `starts` belongs to them, `ends` doesn't; equal: there are none. Wall times: a night in which
    the clock is changed is an hour shorter or longer.
    """
    wall = now.astimezone(zone)
    at = wall.time()
    if not (starts <= at < ends if starts <= ends else at >= starts or at < ends):
        return None
    day = wall.date() + timedelta(days=int(at >= ends))
    # A wall time that exists twice is over when it is over for the second time; one that the clock
    # skips is read by the time before, and so an hour later by the new.
    both = [datetime.combine(day, ends, zone).replace(fold=fold) for fold in (0, 1)]
    return max(moment.astimezone(UTC) for moment in both)

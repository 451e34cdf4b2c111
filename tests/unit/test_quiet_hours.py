"""When a patient may be texted, by the wall clock of where they live."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from voxanne.texts.quiet_hours import quiet_until, zone_of

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("phone", "clinic", "zone"),
    [
        ("+442079460958", "Europe/London", "Europe/London"),
        ("+12125550100", "Europe/London", "America/New_York"),
        ("+14155550100", "America/New_York", "America/Los_Angeles"),
        ("+493012345678", "Europe/London", "Europe/Berlin"),
        # A number that may be anywhere is where the clinic is, if it may be there.
        ("+18005550100", "America/Chicago", "America/Chicago"),
        ("+61412345678", "Australia/Perth", "Australia/Perth"),
        # Or where no region is known.
        ("+88213", "Europe/London", "Europe/London"),
        ("nonsense", "Europe/London", "Europe/London"),
    ],
)
def test_the_zone_of_a_number(phone: str, clinic: str, zone: str) -> None:
    assert zone_of(phone, clinic) == ZoneInfo(zone)


@pytest.mark.parametrize(
    ("now", "starts", "ends", "until"),
    [
        ("2026-11-02T20:59+00:00", "21:00", "08:00", None),
        ("2026-11-02T21:00+00:00", "21:00", "08:00", "2026-11-03T08:00+00:00"),
        ("2026-11-03T07:59+00:00", "21:00", "08:00", "2026-11-03T08:00+00:00"),
        ("2026-11-03T08:00+00:00", "21:00", "08:00", None),
        ("2026-11-03T02:00+00:00", "01:00", "06:00", "2026-11-03T06:00+00:00"),
        ("2026-11-03T00:30+00:00", "01:00", "06:00", None),
        ("2026-11-03T12:00+00:00", "12:00", "12:00", None),
        # The night of 29 March 2026 lacks an hour, that of 25 October has one twice.
        ("2026-03-28T22:00+00:00", "21:00", "08:00", "2026-03-29T07:00+00:00"),
        ("2026-10-24T21:00+00:00", "21:00", "08:00", "2026-10-25T08:00+00:00"),
        ("2026-03-28T22:00+00:00", "21:00", "01:30", "2026-03-29T01:30+00:00"),
        ("2026-10-24T22:00+00:00", "21:00", "01:30", "2026-10-25T01:30+00:00"),
        ("2026-10-25T01:10+00:00", "21:00", "01:30", "2026-10-25T01:30+00:00"),
    ],
)
def test_when_they_end(now: str, starts: str, ends: str, until: str | None) -> None:
    moment = datetime.fromisoformat(now)
    found = quiet_until(moment, LONDON, time.fromisoformat(starts), time.fromisoformat(ends))

    assert found == (None if until is None else datetime.fromisoformat(until))
    assert found is None or found > moment

"""Days and times of forms, at a clinic whose clocks change."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.local_times import (
    LocalTime,
    clock_text,
    read_day,
    read_local,
    read_time,
)
from voxanne.inbound.dashboard.moments import Moments
from voxanne.inbound.v1.problems import RefusedError

NEW_YORK = ZoneInfo("America/New_York")
WHEN = Moments(NEW_YORK, "en_US", date(2026, 11, 2))


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "which", "instant"),
    [
        ("2026-11-25", "09:45", "", "2026-11-25T14:45"),
        ("2026-07-01", "9:45", "", "2026-07-01T13:45"),
        ("2026-07-01", "09:45:00", "later", "2026-07-01T13:45"),
        ("2026-11-01", "01:30", "earlier", "2026-11-01T05:30"),
        ("2026-11-01", "01:30", "later", "2026-11-01T06:30"),
        ("2026-11-01", "02:00", "", "2026-11-01T07:00"),
        ("2027-03-14", "03:00", "", "2027-03-14T07:00"),
    ],
)
def test_a_time_is_the_clinics(day: str, clock: str, which: str, instant: str) -> None:
    assert read_local(day, clock, which, WHEN) == utc(instant)


@pytest.mark.parametrize(
    ("day", "clock", "which", "outcome", "where"),
    [
        ("2026-11-01", "01:30", "", Outcome.NEEDS_CONFIRMATION, "which"),
        ("2026-11-01", "01:30", "both", Outcome.NEEDS_CONFIRMATION, "which"),
        ("2027-03-14", "02:30", "", Outcome.INVALID_DATE, "time"),
        ("2027-03-14", "02:30", "later", Outcome.INVALID_DATE, "time"),
        ("2026-02-30", "10:00", "", Outcome.INVALID_DATE, "day"),
        ("25.11.2026", "10:00", "", Outcome.INVALID_DATE, "day"),
        ("", "10:00", "", Outcome.INVALID_DATE, "day"),
        ("2026-11-25", "24:00", "", Outcome.INVALID_DATE, "time"),
        ("2026-11-25", "10:60", "", Outcome.INVALID_DATE, "time"),
        ("2026-11-25", "ten", "", Outcome.INVALID_DATE, "time"),
        ("2026-11-25", "١٠:٠٠", "", Outcome.INVALID_DATE, "time"),
    ],
)
def test_what_is_none_or_two_is_refused_beside_its_field(
    day: str, clock: str, which: str, outcome: Outcome, where: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        read_local(day, clock, which, WHEN)
    assert (caught.value.outcome, caught.value.details["where"]) == (outcome, where)


@pytest.mark.parametrize(
    ("instant", "fields"),
    [
        ("2026-11-25T14:45", {"day": "2026-11-25", "time": "09:45"}),
        ("2026-11-01T05:30", {"day": "2026-11-01", "time": "01:30", "which": "earlier"}),
        ("2026-11-01T06:30", {"day": "2026-11-01", "time": "01:30", "which": "later"}),
        ("2027-03-14T07:00", {"day": "2027-03-14", "time": "03:00"}),
    ],
)
def test_an_instant_is_written_so_that_it_reads_back(instant: str, fields: dict[str, str]) -> None:
    local = LocalTime.of(utc(instant), NEW_YORK)
    assert local.fields() == fields
    assert read_local(local.day, local.time, local.which, WHEN) == utc(instant)


def test_days_and_times_on_their_own() -> None:
    assert read_day("2026-11-25") == date(2026, 11, 25)
    assert read_day("1970-01-31") is None
    assert read_day("9999-12-31") is None
    assert read_time("23:59") == time(23, 59)
    assert read_time("") is None


def test_a_minute_is_written_as_it_is_there() -> None:
    assert clock_text(0, "en_US") == "12:00 AM"
    assert clock_text(540, "en_US", whole=True) == "9 AM"
    assert clock_text(540, "en_GB", whole=True) == "09:00"
    assert clock_text(1439, "de_DE") == "23:59"

"""Opening hours are the clinic's wall time, at the appointment's own date."""

import itertools
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.database import Database

NINE, FIVE, MIDNIGHT = time(9), time(17), time(0)
MONDAY = 1
CLOSED = "OUTSIDE_HOURS"

# Two Mondays each: the last before and the first after the clocks change.
CLOCK_CHANGES = [
    ("Europe/London", date(2027, 3, 22), date(2027, 3, 29)),
    ("Europe/London", date(2027, 10, 25), date(2027, 11, 1)),
    ("America/New_York", date(2027, 3, 8), date(2027, 3, 15)),
    ("America/New_York", date(2027, 11, 1), date(2027, 11, 8)),
    ("Australia/Lord_Howe", date(2027, 3, 29), date(2027, 4, 5)),
    ("Australia/Lord_Howe", date(2027, 9, 27), date(2027, 10, 4)),
    ("Asia/Kolkata", date(2027, 3, 22), date(2027, 10, 25)),
]
_callers = itertools.count()


async def outcome(
    database: Database,
    api: asyncpg.Connection,
    org_id: UUID,
    starts: datetime,
    minutes: int = 60,
    **overrides: object,
) -> str:
    """What a new caller gets; what they booked is removed, so that each question stands alone."""
    answer = await database.book(
        api,
        org_id,
        scheduled_at=starts,
        duration_minutes=minutes,
        patient_phone=f"+4420{next(_callers):08}",
        **overrides,
    )
    await (await database.owner()).execute("UPDATE appointments SET status = 'cancelled'")
    return str(answer.get("error", "booked"))


async def clinic(
    database: Database, zone: str = "Europe/London", *hours: tuple[int, time, time]
) -> UUID:
    """A clinic in 2027, for which it is New Year."""
    org_id = await database.organization(timezone=zone, horizon_days=366)
    for weekday, opens, closes in hours:
        await database.hours(org_id, weekday, opens, closes)
    await database.set_clock(datetime(2027, 1, 1, tzinfo=ZoneInfo("UTC")))
    return org_id


@pytest.mark.parametrize("session_zone", ["UTC", "America/Los_Angeles"])
@pytest.mark.parametrize(("zone", "before", "after"), CLOCK_CHANGES)
async def test_nine_to_five_is_wall_time_on_both_sides_of_a_clock_change(
    database: Database,
    api: asyncpg.Connection,
    zone: str,
    before: date,
    after: date,
    session_zone: str,
) -> None:
    org_id = await clinic(database, zone, (MONDAY, NINE, FIVE))
    await api.execute(f"SET TimeZone = '{session_zone}'")

    for day in (before, after):
        local = {
            clock: datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone))
            for clock in ("08:59", "09:00", "16:00", "16:01")
        }
        outcomes = {clock: await outcome(database, api, org_id, at) for clock, at in local.items()}
        assert outcomes == {
            "08:59": CLOSED,
            "09:00": "booked",
            "16:00": "booked",
            "16:01": CLOSED,
        }, day


async def test_the_day_of_the_change_has_its_own_length(
    database: Database, api: asyncpg.Connection
) -> None:
    """London goes from 01:00 to 02:00 on Sunday 28 March 2027; 00:00 to 04:00 is three hours."""
    org_id = await clinic(database, "Europe/London", (7, MIDNIGHT, time(4)))
    midnight = datetime(2027, 3, 28, tzinfo=ZoneInfo("UTC"))

    assert await outcome(database, api, org_id, midnight, 180) == "booked"
    assert await outcome(database, api, org_id, midnight, 181) == CLOSED


async def test_a_day_without_hours_is_closed(database: Database, api: asyncpg.Connection) -> None:
    org_id = await clinic(database, "Europe/London", (MONDAY, NINE, FIVE))
    tuesday = datetime(2027, 6, 1, 12, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, tuesday) == CLOSED


async def test_a_clinic_without_hours_is_always_open(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await clinic(database)
    night = datetime(2027, 6, 6, 3, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, night) == "booked"


async def test_a_break_between_two_spans_is_closed(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await clinic(
        database, "Europe/London", (MONDAY, NINE, time(12)), (MONDAY, time(13), FIVE)
    )
    noon = datetime(2027, 6, 7, 12, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, noon - timedelta(hours=1)) == "booked"
    assert await outcome(database, api, org_id, noon - timedelta(minutes=30)) == CLOSED
    assert await outcome(database, api, org_id, noon) == CLOSED
    assert await outcome(database, api, org_id, noon + timedelta(hours=1)) == "booked"


async def test_two_spans_that_touch_are_one(database: Database, api: asyncpg.Connection) -> None:
    org_id = await clinic(
        database, "Europe/London", (MONDAY, NINE, time(12)), (MONDAY, time(12), FIVE)
    )
    over_noon = datetime(2027, 6, 7, 11, 30, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, over_noon) == "booked"


async def test_a_night_shift_goes_over_midnight(
    database: Database, api: asyncpg.Connection
) -> None:
    owner = await database.connect_owner()
    org_id = await clinic(database, "Europe/London", (2, MIDNIGHT, time(2)))
    await owner.execute(
        "INSERT INTO opening_hours (org_id, weekday, opens, closes) "
        "VALUES ($1, 1, '22:00', '24:00')",
        org_id,
    )
    before_midnight = datetime(2027, 6, 7, 23, 30, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, before_midnight, 60) == "booked"
    assert await outcome(database, api, org_id, before_midnight, 180) == CLOSED


async def test_a_practitioners_own_hours_replace_the_clinics(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await clinic(database, "Europe/London", (MONDAY, NINE, FIVE), (2, NINE, FIVE))
    grey = await database.practitioner(org_id)
    late = await database.practitioner(org_id, name="Dr Late")
    await database.hours(org_id, MONDAY, time(18), time(20), practitioner_id=late)
    monday = datetime(2027, 6, 7, tzinfo=ZoneInfo("Europe/London"))

    async def asked(practitioner_id: UUID | None, hour: int, days: int = 0) -> str:
        starts = monday + timedelta(days=days, hours=hour)
        return await outcome(database, api, org_id, starts, practitioner_id=practitioner_id)

    assert await asked(grey, 10) == "booked"
    assert await asked(grey, 18) == CLOSED
    assert await asked(late, 10) == CLOSED
    assert await asked(late, 18) == "booked"
    # None of their hours on Tuesday, though the clinic is open.
    assert await asked(late, 10, days=1) == CLOSED
    assert await asked(None, 18) == "booked"
    assert await asked(None, 21) == CLOSED


async def test_a_practitioner_may_keep_hours_where_the_clinic_keeps_none(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await clinic(database)
    free = await database.practitioner(org_id)
    late = await database.practitioner(org_id, name="Dr Late")
    await database.hours(org_id, MONDAY, time(18), time(20), practitioner_id=late)
    morning = datetime(2027, 6, 7, 10, tzinfo=ZoneInfo("Europe/London"))

    assert await outcome(database, api, org_id, morning, practitioner_id=late) == CLOSED
    assert await outcome(database, api, org_id, morning, practitioner_id=free) == "booked"


async def test_open_and_taken_is_taken_not_closed(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await clinic(database, "Europe/London", (MONDAY, NINE, FIVE))
    ten = datetime(2027, 6, 7, 10, tzinfo=ZoneInfo("Europe/London"))
    await database.book(api, org_id, scheduled_at=ten)

    clash = await database.book(
        api, org_id, scheduled_at=ten, patient_phone="+442079460111", call_id=str(uuid4())
    )

    assert clash["error"] == "SLOT_UNAVAILABLE"


async def test_a_zone_that_does_not_exist_makes_no_clinic(database: Database) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await database.organization(timezone="Europe/Atlantis")


async def test_hours_inside_the_hour_that_is_skipped_do_no_harm(
    database: Database, api: asyncpg.Connection
) -> None:
    """New York has no 02:30 on Sunday 14 March 2027."""
    org_id = await clinic(database, "America/New_York", (7, time(2, 30), time(3)), (7, NINE, FIVE))
    zone = ZoneInfo("America/New_York")
    day = date(2027, 3, 14)
    at_ten = datetime.combine(day, time(10), zone)
    assert await outcome(database, api, org_id, at_ten) == "booked"
    at_three = datetime.combine(day, time(3), zone)
    assert await outcome(database, api, org_id, at_three, 15) == CLOSED

"""The clinic's rules, as booking and availability both keep them."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.database import HOUR, Database
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    MONDAY,
    NOW,
    OVERBOOK,
    TOM,
    TUESDAY,
    Caller,
    Diary,
    at,
    clocks,
    code,
    open_clinic,
)

TAKEN, CLOSED = "SLOT_UNAVAILABLE", "OUTSIDE_HOURS"
SATURDAY, SUNDAY = date(2027, 6, 12), date(2027, 6, 13)


async def outcome(
    diary: Diary, start: datetime, minutes: int = 60, /, caller: Caller = ANN, **more: object
) -> str | None:
    """What a booking is answered with; it is not kept."""
    transaction = diary.api.transaction()
    await transaction.start()
    answer = await diary.book(start, caller, duration_minutes=minutes, **more)
    await transaction.rollback()
    return code(answer)


# Buffers


async def test_buffers_keep_the_neighbours_away(diary: Diary) -> None:
    await diary.service("scan", 30, buffer_before_minutes=10, buffer_after_minutes=20)
    await diary.service("check", 30)
    scan = await diary.book(at("10:00"), service_type="scan")

    row = await diary.row(scan)
    assert (row["blocked_from"], row["blocked_until"]) == (at("09:50"), at("10:50"))
    for start, expected in [("09:20", None), ("09:21", TAKEN), ("10:49", TAKEN), ("10:50", None)]:
        assert await outcome(diary, at(start), caller=BOB, service_type="check") == expected, start


async def test_both_neighbours_buffers_are_kept(diary: Diary) -> None:
    """The one's 20 minutes after, then the other's 10 before."""
    await diary.service("scan", 30, buffer_before_minutes=10, buffer_after_minutes=20)
    await diary.book(at("10:00"), service_type="scan")

    for start, expected in [("09:00", None), ("09:01", TAKEN), ("10:59", TAKEN), ("11:00", None)]:
        assert await outcome(diary, at(start), caller=BOB, service_type="scan") == expected, start


async def test_buffers_may_lie_outside_the_hours_and_in_breaks(diary: Diary) -> None:
    await diary.service("scan", 60, buffer_before_minutes=30, buffer_after_minutes=30)
    await diary.hours("09:00-12:00")
    await diary.pause("10:00-10:30")

    for start, expected in [("09:00", None), ("09:01", CLOSED), ("10:30", None), ("11:00", None)]:
        assert await outcome(diary, at(start), service_type="scan") == expected, start


# Notice, horizon, how many


async def test_the_clinics_notice(diary: Diary) -> None:
    await diary.set(notice_minutes=120)

    past, soon = "DATE_IN_PAST", "TOO_SOON"
    for late, expected in [(-1, past), (0, past), (1, soon), (7199, soon), (7200, None)]:
        assert await outcome(diary, NOW + timedelta(seconds=late)) == expected, late


@pytest.mark.parametrize(("notice", "late"), [(0, 1), (300, 300)])
async def test_a_services_own_notice_goes_before_the_clinics(
    diary: Diary, notice: int, late: int
) -> None:
    await diary.set(notice_minutes=120)
    await diary.service("scan", 30, notice_minutes=notice)

    assert await outcome(diary, NOW + late * MINUTE, service_type="scan") is None
    too_early = NOW + (late - 1) * MINUTE
    assert await outcome(diary, too_early, service_type="scan") in ("TOO_SOON", "DATE_IN_PAST")


async def test_the_horizon_ends_at_the_minute(diary: Diary) -> None:
    await diary.set(horizon_days=10)

    assert await outcome(diary, NOW + 10 * DAY) is None
    assert await outcome(diary, NOW + 10 * DAY + MINUTE) == "TOO_FAR_AHEAD"


async def test_the_horizon_does_not_depend_on_the_sessions_zone(diary: Diary) -> None:
    """Within twenty days from here New York's clocks change; the clinic's don't."""
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    await diary.set_clock(now)
    await diary.set(horizon_days=20)

    answers = set()
    for zone in ("UTC", "America/New_York"):
        await diary.api.execute(f"SET TimeZone = '{zone}'")
        answers.add(await outcome(diary, now + 20 * DAY - 30 * MINUTE))

    assert answers == {None}


async def test_a_caller_has_so_many_to_come_and_no_more(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=2)
    first = await diary.book(at("10:00"))
    second = await diary.book(at("11:00"), TOM)

    assert code(await diary.book(at("12:00"))) == "LIMIT_REACHED"  # counted by the number
    assert await outcome(diary, at("12:00"), caller=BOB) is None
    assert await outcome(diary, at("12:00"), source="staff") is None
    assert (await diary.book(at("10:00")))["appointment_id"] == first["appointment_id"]

    await diary.cancel(second)
    assert await outcome(diary, at("12:00")) is None


async def test_what_is_past_is_not_to_come(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=1)
    await diary.book(at("10:00"))
    await diary.set_clock(at("10:00"))

    assert await outcome(diary, at("12:00")) is None


# Who gives it


async def test_a_listed_service_is_given_by_those_listed(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 30)
    await diary.service("check", 30)
    await diary.gives(shaw, "scan")

    first = await diary.book(at("10:00"), service_type="scan")
    assert UUID(first["practitioner_id"]) == shaw
    assert code(await diary.book(at("10:00"), BOB, service_type="scan")) == TAKEN
    greys: dict[str, object] = {"service_type": "scan", "practitioner_id": grey}
    for answer in (
        await diary.book(at("12:00"), **greys),
        await diary.hold(at("12:00"), **greys),
        await diary.free_on(**greys),
        await diary.join(**greys),
        await diary.move(first, at("12:00"), practitioner_id=grey),
    ):
        assert code(answer) == "UNKNOWN_PRACTITIONER"
    other = await diary.book(at("10:00"), BOB, service_type="check")
    assert UUID(other["practitioner_id"]) == grey


async def test_a_service_of_practitioners_who_left_is_given_by_nobody(diary: Diary) -> None:
    await diary.practitioner()
    gone = await diary.practitioner("Dr Gone", active=False)
    await diary.service("scan", 30)
    await diary.gives(gone, "scan")

    for answer in (
        await diary.book(at("10:00"), service_type="scan"),
        await diary.free_on(service_type="scan"),
        await diary.join(service_type="scan"),
    ):
        assert code(answer) == "UNKNOWN_PRACTITIONER"


async def test_the_clinic_itself_is_the_practitioner_it_has_not(diary: Diary) -> None:
    await diary.hours("09:00-11:00")
    await diary.book(at("09:00"))

    slots = (await diary.free_on())["slots"]
    assert clocks(slots) == ["10:00"]
    assert (UUID(slots[0]["practitioner_id"]), slots[0]["practitioner_name"]) == (
        diary.org_id,
        None,
    )
    hold = await diary.hold(at("10:00"), practitioner_id=diary.org_id)
    assert (UUID(hold["practitioner_id"]), hold["practitioner_name"]) == (diary.org_id, None)


async def test_the_first_own_practitioner_starts_with_an_empty_diary(diary: Diary) -> None:
    await diary.hours("09:00-11:00")
    await diary.book(at("09:00"))
    grey = await diary.practitioner()

    slots = (await diary.free_on())["slots"]

    assert clocks(slots) == ["09:00", "09:15", "09:30", "09:45", "10:00"]
    assert {UUID(slot["practitioner_id"]) for slot in slots} == {grey}


async def test_lapsed_holds_make_nobody_busy(diary: Diary) -> None:
    grey, _ = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hold(at("14:00"), practitioner_id=grey)
    await diary.set_clock(NOW + HOUR)

    booking = await diary.book(at("10:00"))

    assert UUID(booking["practitioner_id"]) == grey


async def test_who_was_overbooked_is_busier(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.book(at("14:00"), practitioner_id=grey)
    await diary.book(at("14:00"), BOB, practitioner_id=grey, **OVERBOOK)
    await diary.book(at("15:00"), EVE, practitioner_id=shaw)

    booking = await diary.book(at("10:00"))

    assert UUID(booking["practitioner_id"]) == shaw


# Where


async def test_a_service_with_rooms_gets_the_first_that_is_free(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw", "Dr West")
    await diary.service("scan", 30, buffer_after_minutes=15)
    await diary.service("check", 30)
    await diary.room("scan", id=UUID(int=1), active=False)
    rooms = [await diary.room("scan", id=UUID(int=n)) for n in (2, 3)]
    await diary.room("check", id=UUID(int=4))
    await diary.room(id=UUID(int=5))

    scans = [await diary.book(at("10:00"), who, service_type="scan") for who in (ANN, BOB, EVE)]

    assert [UUID(scan["room_id"]) for scan in scans[:2]] == rooms
    assert code(scans[2]) == TAKEN
    assert await outcome(diary, at("10:44"), caller=EVE, service_type="scan") == TAKEN
    assert await outcome(diary, at("10:45"), caller=EVE, service_type="scan") is None
    check = await diary.book(at("10:00"), EVE, service_type="check")
    assert UUID(check["room_id"]) == UUID(int=4)


async def test_a_service_without_rooms_needs_none(diary: Diary) -> None:
    await diary.service("scan", 30)
    await diary.service("talk", 30)
    await diary.room("scan")

    assert (await diary.book(at("10:00"), service_type="talk"))["room_id"] is None


async def test_without_a_usable_room_there_is_no_time(diary: Diary) -> None:
    await diary.service("scan", 30)
    await diary.room("scan", active=False)

    assert await outcome(diary, at("10:00"), service_type="scan") == TAKEN
    free = await diary.free_on(service_type="scan")
    assert (free["slots"], free["reason"]) == ([], "fully_booked")


async def test_a_free_practitioner_without_a_room_is_not_free(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 30)
    await diary.hours("10:00-11:00")
    await diary.room("scan")
    await diary.book(at("10:00"), service_type="scan")

    assert await diary.starts_on(service_type="scan") == ["10:30", "10:30"]
    assert len(await diary.starts_on(service_type="scan", spread=True)) == 1


async def test_a_service_that_needs_its_room_is_given_in_no_other(diary: Diary) -> None:
    await diary.service("scan", 30)
    await diary.room("scan")
    cupboard = await diary.room()

    answer = await diary.book(at("10:00"), service_type="scan", room_id=cupboard)

    assert code(answer) == "NOT_FOUND"


# Exceptions


async def test_a_closed_day_is_closed_and_only_that(diary: Diary) -> None:
    await diary.hours("09:00-11:00")
    await diary.hours("09:00-11:00", weekday=1)
    await diary.special(None)

    assert await outcome(diary, at("09:00")) == CLOSED
    assert await diary.starts_on() == []
    assert await outcome(diary, at("09:00", MONDAY)) is None
    assert await outcome(diary, at("09:00", TUESDAY + 7 * DAY)) is None


async def test_special_hours_replace_the_weekly_ones(diary: Diary) -> None:
    await diary.hours("09:00-11:00")
    await diary.special("14:00-15:00")
    await diary.special(None)  # says nothing beside them
    await diary.special("20:00-21:00")
    await diary.special("10:00-11:00", SATURDAY)  # where there are no weekly ones

    assert await diary.starts_on() == ["14:00", "20:00"]
    assert await diary.starts_on(SATURDAY) == ["10:00"]
    assert await outcome(diary, at("09:00")) == CLOSED
    assert await outcome(diary, at("20:00")) is None


async def test_a_practitioners_exception_goes_before_the_clinics(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-10:00")
    await diary.hours("09:00-10:00", practitioner_id=shaw)
    await diary.special(None)
    await diary.special("14:00-15:00", practitioner_id=grey)
    await diary.special("16:00-17:00", SATURDAY)
    await diary.special(None, SATURDAY, practitioner_id=grey)

    assert await diary.starts_on(practitioner_id=grey) == ["14:00"]
    assert await diary.starts_on(practitioner_id=shaw) == []  # the clinic's exception holds
    assert await diary.starts_on(SATURDAY, practitioner_id=grey) == []
    assert await diary.starts_on(SATURDAY, practitioner_id=shaw) == ["16:00"]
    await diary.special("12:00-13:00", next_week := TUESDAY + 7 * DAY, practitioner_id=grey)
    await diary.special(None, next_week, practitioner_id=shaw)
    assert await diary.starts_on(next_week) == ["12:00"]


async def test_a_clinic_with_nothing_but_an_exception_is_else_open(diary: Diary) -> None:
    await diary.special(None)

    assert await outcome(diary, at("10:00")) == CLOSED
    assert await outcome(diary, at("03:00", SATURDAY)) is None
    assert await outcome(diary, at("23:30", MONDAY), 30) is None
    assert await outcome(diary, at("23:30", MONDAY), 31) == CLOSED


# Breaks and absences


async def test_breaks_are_kept_by_those_whose_they_are(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-12:00")
    await diary.hours("09:00-12:00", weekday=6)
    await diary.pause("09:00-10:00")
    await diary.pause("11:00-12:00", practitioner_id=grey)

    assert await diary.starts_on(practitioner_id=grey) == ["10:00"]
    assert (await diary.starts_on(practitioner_id=shaw))[-1] == "11:00"
    assert (await diary.starts_on(SATURDAY, practitioner_id=grey))[0] == "09:00"
    assert await outcome(diary, at("09:30"), practitioner_id=shaw) == CLOSED
    assert await outcome(diary, at("10:30"), practitioner_id=grey) == CLOSED
    assert await outcome(diary, at("10:30"), practitioner_id=shaw) is None


async def test_breaks_hold_on_days_with_special_hours_and_in_clinics_without_any(
    diary: Diary,
) -> None:
    await diary.pause("13:00-14:00")
    assert await outcome(diary, at("12:30")) == CLOSED
    assert await outcome(diary, at("14:00")) is None

    await diary.special("12:00-15:00")
    assert await diary.starts_on() == ["12:00", "14:00"]


async def test_nobody_is_booked_while_away(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.away(grey, at("09:30"), at("11:00", SATURDAY))
    await diary.away(grey, at("12:00", SATURDAY), at("13:00", SATURDAY))

    assert await outcome(diary, at("08:30"), practitioner_id=grey) is None
    assert await outcome(diary, at("08:31"), practitioner_id=grey) == CLOSED
    assert await outcome(diary, at("10:59", SATURDAY), practitioner_id=grey) == CLOSED
    assert await outcome(diary, at("11:00", SATURDAY), practitioner_id=grey) is None
    assert await outcome(diary, at("11:30", SATURDAY), practitioner_id=grey) == CLOSED
    assert await outcome(diary, at("10:00"), practitioner_id=shaw) is None
    assert UUID((await diary.book(at("10:00")))["practitioner_id"]) == shaw


# Midnight


async def test_hours_that_close_before_they_open_close_on_the_next_day(diary: Diary) -> None:
    await diary.hours("22:00-02:00")
    wednesday = TUESDAY + DAY

    for start, day, expected in [
        ("21:59", TUESDAY, CLOSED),
        ("22:00", TUESDAY, None),
        ("23:30", TUESDAY, None),
        ("01:00", wednesday, None),
        ("01:01", wednesday, CLOSED),
        ("00:30", TUESDAY, CLOSED),  # Monday has no hours
    ]:
        assert await outcome(diary, at(start, day)) == expected, (start, day)
    assert (await diary.starts_on(wednesday))[-1] == "01:00"


async def test_hours_of_the_last_weekday_go_on_on_the_first(diary: Diary) -> None:
    await diary.hours("23:00-01:00", weekday=7)

    assert await diary.starts_on(SUNDAY + DAY) == ["00:00"]
    assert await outcome(diary, at("23:30", SUNDAY)) is None


async def test_midnight_ends_the_day(diary: Diary) -> None:
    await diary.hours("22:00-00:00")
    await diary.hours("22:00-24:00", weekday=6)

    for day in (TUESDAY, SATURDAY):
        assert await outcome(diary, at("23:00", day)) is None
        assert await outcome(diary, at("23:01", day)) == CLOSED


async def test_a_closed_day_takes_the_night_that_begins_on_it_and_no_other(diary: Diary) -> None:
    for weekday in range(1, 8):
        await diary.hours("22:00-02:00", weekday=weekday)
    await diary.special(None)
    await diary.special("23:00-01:00", SATURDAY)

    assert await outcome(diary, at("01:00")) is None  # Monday's night
    assert await outcome(diary, at("22:00")) == CLOSED
    assert await outcome(diary, at("00:30", TUESDAY + DAY)) == CLOSED
    assert await outcome(diary, at("00:00", SUNDAY)) is None
    assert await outcome(diary, at("00:30", SUNDAY)) == CLOSED


async def test_a_break_after_midnight_is_the_next_days(diary: Diary) -> None:
    await diary.hours("22:00-04:00")
    await diary.pause("01:00-02:00", weekday=3)
    wednesday = TUESDAY + DAY

    assert await outcome(diary, at("00:00", wednesday)) is None
    assert await outcome(diary, at("00:30", wednesday)) == CLOSED
    assert await outcome(diary, at("02:00", wednesday)) is None


# Days on which the clocks change

CHANGES = {
    "London, an hour less": ("Europe/London", date(2027, 3, 28), 3),
    "London, an hour more": ("Europe/London", date(2027, 10, 31), 5),
    "New York, an hour less": ("America/New_York", date(2027, 3, 14), 3),
    "New York, an hour more": ("America/New_York", date(2027, 11, 7), 5),
    "Lord Howe, half an hour more": ("Australia/Lord_Howe", date(2027, 4, 4), 4.5),
    "Lord Howe, half an hour less": ("Australia/Lord_Howe", date(2027, 10, 3), 3.5),
    "Cairo, midnight skipped": ("Africa/Cairo", date(2027, 4, 30), 3),
}


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES.values(), ids=CHANGES)
async def test_the_day_the_clocks_change_is_as_long_as_it_is(
    database: Database, zone: str, day: date, hours: float
) -> None:
    """Open from 00:00 to 04:00. Each half hour of elapsed time is offered, and can be booked."""
    diary = await open_clinic(database, timezone=zone, slot_minutes=30)
    midnight = at("00:00", day, ZoneInfo(zone)).astimezone(UTC)
    await diary.set_clock(midnight - 20 * DAY)
    await diary.hours("00:00-04:00", weekday=day.isoweekday())

    answer = await diary.free(midnight - 12 * HOUR, midnight + 12 * HOUR, duration_minutes=30)

    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in answer["slots"]]
    assert starts == [midnight + n * 30 * MINUTE for n in range(int(hours * 2))]
    for start in starts:
        assert code(await diary.book(start, duration_minutes=30)) is None, start
    assert await outcome(diary, midnight, int(hours * 60), caller=BOB) == TAKEN
    assert await outcome(diary, midnight, int(hours * 60) + 1, caller=BOB) == CLOSED


async def test_a_night_over_the_change_is_as_long_as_it_is(diary: Diary) -> None:
    """22:00 to 06:00: seven hours in spring."""
    evening = at("22:00", date(2027, 3, 27)).astimezone(UTC)
    await diary.set_clock(evening - 20 * DAY)
    await diary.hours("22:00-06:00", weekday=6)

    assert await outcome(diary, evening, 7 * 60) is None
    assert await outcome(diary, evening, 7 * 60 + 1) == CLOSED


async def test_a_break_in_the_hour_that_is_skipped_is_none(diary: Diary) -> None:
    """01:00 to 02:00 doesn't exist."""
    day = date(2027, 3, 28)
    await diary.set_clock(at("00:00", date(2027, 3, 1)))
    await diary.hours("00:00-04:00", weekday=7)
    await diary.pause("01:30-02:00", weekday=7)  # would end before it begins

    assert await outcome(diary, at("00:00", day), 180) is None


async def test_starts_are_on_the_grid_that_begins_at_the_local_midnight(diary: Diary) -> None:
    await diary.set(slot_minutes=50)
    await diary.hours("09:00-12:00")

    assert await diary.starts_on(duration_minutes=30) == ["09:10", "10:00", "10:50"]

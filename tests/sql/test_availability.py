"""When could an appointment begin? And when it can't: why."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, Booking
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    MINUTE,
    MONDAY,
    NOW,
    OVERBOOK,
    TUESDAY,
    Diary,
    at,
    clocks,
    code,
)

WEDNESDAY, SATURDAY = TUESDAY + DAY, TUESDAY + 4 * DAY


async def test_the_answer_says_what_it_is_about(diary: Diary) -> None:
    grey = await diary.practitioner("Dr Grey")
    await diary.service("scan", 45, name="A Scan")
    await diary.hours("09:00-10:00")

    answer = await diary.free_on(service_type=" a SCAN", duration_minutes=10)

    assert answer == {
        "success": True,
        "service_type": "scan",
        "duration_minutes": 45,
        "timezone": "Europe/London",
        "slots": [
            {
                "starts_at": slot["starts_at"],
                "ends_at": slot["ends_at"],
                "practitioner_id": str(grey),
                "practitioner_name": "Dr Grey",
            }
            for slot in answer["slots"]
        ],
        "next_from": None,
        "reason": None,
        "reason_detail": None,
    }
    spans = [
        (datetime.fromisoformat(slot["starts_at"]), datetime.fromisoformat(slot["ends_at"]))
        for slot in answer["slots"]
    ]
    assert spans == [(at("09:00"), at("09:45")), (at("09:15"), at("10:00"))]


async def test_the_range_has_its_start_and_not_its_end(diary: Diary) -> None:
    answer = await diary.free(at("10:00"), at("10:30"))

    assert clocks(answer["slots"]) == ["10:00", "10:15"]


async def test_a_duration_counts_where_no_service_has_its_own(diary: Diary) -> None:
    await diary.hours("09:00-10:00")

    assert await diary.starts_on(duration_minutes=50) == ["09:00"]
    assert (await diary.free_on())["duration_minutes"] == 60


# Pages and spreads


async def test_each_start_has_everybody_who_is_free(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-10:15")
    await diary.book(at("10:00"), duration_minutes=15, practitioner_id=grey)

    answer = await diary.free_on(duration_minutes=60)

    assert [
        (slot["practitioner_name"], UUID(slot["practitioner_id"])) for slot in answer["slots"]
    ] == [
        ("Dr Grey", grey),
        ("Dr Shaw", shaw),
        ("Dr Shaw", shaw),
    ]
    assert clocks(answer["slots"]) == ["09:00", "09:00", "09:15"]


async def test_pages_go_on_where_the_last_ended(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-11:00")
    whole = (await diary.free_on())["slots"]

    pages, further = [], at("00:00")
    for _ in range(3):
        answer = await diary.free(further, at("00:00", WEDNESDAY), limit=2)
        pages.append(answer["slots"])
        if answer["next_from"] is None:
            break
        further = datetime.fromisoformat(answer["next_from"])

    assert [len(page) for page in pages] == [4, 4, 2]  # two starts, two practitioners
    assert [slot for page in pages for slot in page] == whole


async def test_a_page_that_just_suffices_is_the_last(diary: Diary) -> None:
    await diary.hours("09:00-10:30")

    assert (await diary.free_on(limit=3))["next_from"] is None
    assert datetime.fromisoformat((await diary.free_on(limit=2))["next_from"]) == at("09:30")


async def test_a_spread_is_even_and_each_start_has_one(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-11:45")

    answer = await diary.free_on(spread=True, limit=4)

    assert clocks(answer["slots"]) == ["09:00", "09:30", "10:00", "10:30"]
    assert answer["next_from"] is None
    assert len((await diary.free_on(spread=True, limit=500))["slots"]) == 8


async def test_a_spread_names_whom_booking_would_choose(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-12:00")
    await diary.book(at("11:00"), practitioner_id=grey)

    [slot] = (await diary.free_on(spread=True, limit=1))["slots"]

    assert UUID(slot["practitioner_id"]) == shaw
    assert (await diary.book(at("09:00"), BOB))["practitioner_id"] == slot["practitioner_id"]


async def test_unless_told_six_are_spread(diary: Diary) -> None:
    answer = await diary.call(
        "check_availability",
        service_type="consultation",
        until=at("00:00", WEDNESDAY),
        **{"from": at("00:00")},
    )

    assert clocks(answer["slots"]) == [f"{hour:02}:00" for hour in range(0, 24, 4)]


# Part of the day


async def test_the_part_of_the_day_is_wall_time_on_each_day(diary: Diary) -> None:
    await diary.set(slot_minutes=60)
    answer = await diary.free(
        at("13:30"), at("13:30", TUESDAY + 2 * DAY), time_from=time(12), time_until=time(14)
    )

    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in answer["slots"]]
    thursday = TUESDAY + 2 * DAY
    assert starts == [
        at("12:00", WEDNESDAY),
        at("13:00", WEDNESDAY),
        at("12:00", thursday),
        at("13:00", thursday),
    ]


async def test_the_part_of_the_day_keeps_its_wall_time_over_a_change(diary: Diary) -> None:
    """London's clocks go back on 31 October."""
    await diary.set(slot_minutes=60)
    saturday, sunday = date(2027, 10, 30), date(2027, 10, 31)

    answer = await diary.free(
        at("00:00", saturday), at("00:00", sunday + DAY), time_from=time(10), time_until=time(11)
    )

    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in answer["slots"]]
    assert starts == [at("10:00", saturday), at("10:00", sunday)]


async def test_a_wall_time_that_comes_twice_is_in_the_part_of_the_day_twice(diary: Diary) -> None:
    await diary.set(slot_minutes=30)
    sunday = date(2027, 10, 31)

    answer = await diary.free_on(sunday, time_from=time(1, 30), time_until=time(2))

    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in answer["slots"]]
    assert starts == [datetime(2027, 10, 31, hour, 30, tzinfo=UTC) for hour in (0, 1)]


# What is in the way


async def test_of_holds_only_live_ones_of_others_are_in_the_way(diary: Diary) -> None:
    await diary.hours("09:00-12:00")
    await diary.hold(at("09:00"), "call-1")
    await diary.hold(at("11:00"), "call-2")

    assert await diary.starts_on(call_id="call-1") == ["09:00", "09:15", "09:30", "09:45", "10:00"]
    assert await diary.starts_on(call_id="call-2") == ["10:00", "10:15", "10:30", "10:45", "11:00"]
    assert await diary.starts_on() == ["10:00"]
    await diary.set_clock(NOW + timedelta(seconds=299))
    assert await diary.starts_on() == ["10:00"]
    await diary.set_clock(NOW + timedelta(seconds=300))
    assert (await diary.starts_on())[0] == "09:00"


async def test_what_was_overbooked_is_in_the_way(diary: Diary) -> None:
    await diary.hours("09:00-12:00")
    first = await diary.book(at("09:00"))
    await diary.book(at("09:30"), BOB, **OVERBOOK)
    await diary.owner.execute(  # as if the one below had gone without a word
        "UPDATE appointments SET status = 'cancelled' WHERE id = $1", UUID(first["appointment_id"])
    )

    assert await diary.starts_on() == ["10:30", "10:45", "11:00"]


@pytest.mark.parametrize("status", ["cancelled", "expired", "completed", "no_show"])
async def test_what_is_over_is_in_nobodys_way(diary: Diary, status: str) -> None:
    await diary.hours("09:00-10:00")
    await diary.book(at("09:00"))
    await diary.owner.execute("UPDATE appointments SET status = $1", status)

    assert await diary.starts_on() == ["09:00"]


async def test_another_clinics_diary_is_not_in_the_way(diary: Diary) -> None:
    await diary.hours("09:00-10:00")
    here = diary.org_id
    diary.org_id = await diary.database.organization()
    await diary.book(at("09:00"))
    await diary.hold(at("09:00"))

    diary.org_id = here
    assert await diary.starts_on() == ["09:00"]


async def test_what_is_offered_can_be_booked_and_nothing_else(diary: Diary) -> None:
    """Rooms, buffers, breaks, absences, another's booking: each start of the day is tried."""
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 30, buffer_before_minutes=20, buffer_after_minutes=15)
    await diary.room("scan")
    await diary.hours("08:45-12:00")
    await diary.pause("08:45-09:00", practitioner_id=grey)
    await diary.away(shaw, at("11:15"), at("13:00"))
    await diary.book(at("10:15"), service_type="scan", practitioner_id=shaw)
    offered = {
        (slot["practitioner_id"], slot["starts_at"])
        for slot in (await diary.free_on(service_type="scan"))["slots"]
    }

    accepted = set()
    for who in (grey, shaw):
        for start in (at("08:30") + n * 15 * MINUTE for n in range(16)):
            transaction = diary.api.transaction()
            await transaction.start()
            answer = await diary.book(start, BOB, service_type="scan", practitioner_id=who)
            await transaction.rollback()
            if code(answer) is None:
                accepted.add((answer["practitioner_id"], answer["scheduled_at"]))

    assert offered == accepted
    assert len(offered) == 4


async def test_a_call_is_offered_what_it_holds_though_staff_put_another_over_it(
    diary: Diary,
) -> None:
    await diary.hours("09:00-10:00")
    await diary.hold(at("09:00"))
    await diary.book(at("09:00"), BOB, **OVERBOOK)

    offered = await diary.starts_on(call_id="call-1")

    assert code(await diary.book(at("09:00"), ANN, call_id="call-1")) is None
    assert offered == ["09:00"]


# Why not


def why(answer: Booking) -> tuple[str | None, str | None]:
    assert answer["slots"] == []
    return answer["reason"], answer["reason_detail"]


async def test_too_soon_too_far_and_past(diary: Diary) -> None:
    await diary.set(notice_minutes=120, horizon_days=30)
    before = NOW - HOUR

    assert why(await diary.free(before, NOW)) == ("past", None)
    assert why(await diary.free(before, NOW + 2 * HOUR)) == ("too_soon", None)
    assert clocks((await diary.free(before, NOW + 2 * HOUR + MINUTE))["slots"]) == ["10:00"]
    horizon = NOW + 30 * DAY
    assert clocks((await diary.free(horizon, horizon + DAY))["slots"]) == ["08:00"]
    assert why(await diary.free(horizon + MINUTE, horizon + DAY)) == ("too_far", None)


async def test_closed_and_holiday(diary: Diary) -> None:
    await diary.hours("09:00-10:00")
    await diary.special(None, reason="we move house")
    await diary.special(None, SATURDAY, reason="Founders' Day", source="holiday")

    assert why(await diary.free_on()) == ("closed", "we move house")
    assert why(await diary.free_on(SATURDAY)) == ("holiday", "Founders' Day")
    assert why(await diary.free_on(TUESDAY + 9 * DAY)) == ("closed", None)


async def test_a_holiday_is_none_to_whoever_works(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.special(None, source="holiday", reason="Founders' Day")
    await diary.special("09:00-10:00", practitioner_id=grey)
    await diary.special(
        None, WEDNESDAY, practitioner_id=shaw, reason="her own affair", source="holiday"
    )
    await diary.special(None, WEDNESDAY, practitioner_id=grey)

    assert await diary.starts_on() == ["09:00"]
    assert why(await diary.free_on(practitioner_id=shaw)) == ("holiday", "Founders' Day")
    shaws = await diary.free_on(WEDNESDAY, practitioner_id=shaw)
    assert why(shaws) == ("closed", "her own affair")
    assert why(await diary.free_on(WEDNESDAY, practitioner_id=grey)) == ("closed", None)


async def test_break_and_away(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-17:00")
    await diary.pause("12:00-13:00", label="lunch")
    await diary.away(grey, at("09:00"), at("17:00"), "conference")

    lunch = at("12:00"), at("13:00")
    assert why(await diary.free(*lunch)) == ("break", "lunch")
    assert why(await diary.free(at("14:00"), at("15:00"), practitioner_id=grey)) == (
        "away",
        "conference",
    )
    assert len((await diary.free(at("14:00"), at("15:00")))["slots"]) == 4
    await diary.away(shaw, at("09:00"), at("17:00"))
    assert why(await diary.free(at("14:00"), at("15:00"), practitioner_id=shaw)) == ("away", None)


async def test_too_long_and_fully_booked(diary: Diary) -> None:
    await diary.hours("09:00-12:00")

    assert why(await diary.free_on(duration_minutes=181)) == ("too_long", None)
    # It would fit, but not so late.
    assert why(await diary.free(at("10:00"), at("12:00"), duration_minutes=180)) == ("closed", None)
    assert why(await diary.free_on(time_from=time(13))) == ("closed", None)
    await diary.book(at("09:00"), duration_minutes=180)
    assert why(await diary.free_on()) == ("fully_booked", None)


async def test_without_hours_it_can_only_be_full(diary: Diary) -> None:
    await diary.book(at("00:00"), duration_minutes=1440)

    assert why(await diary.free_on()) == ("fully_booked", None)


async def test_a_day_is_not_closed_for_the_holiday_after_it(diary: Diary) -> None:
    """Sunday, before a bank holiday."""
    await diary.hours("09:00-17:00", weekday=1)
    monday = MONDAY + 7 * DAY
    await diary.special(None, monday, source="holiday", reason="Bank holiday")

    assert why(await diary.free_on(monday - DAY)) == ("closed", None)


async def test_the_break_that_is_told_is_the_one_in_the_way(diary: Diary) -> None:
    await diary.hours("09:00-17:00")
    await diary.pause("10:00-10:30", label="coffee")
    await diary.pause("12:00-13:00", label="lunch")

    assert why(await diary.free(at("12:00"), at("13:00"))) == ("break", "lunch")


async def test_an_absence_that_begins_too_early_is_told(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.hours("09:00-17:00")
    await diary.away(grey, at("10:00"), at("17:00"), "conference")

    assert why(await diary.free(at("09:15"), at("09:45"))) == ("away", "conference")


async def test_too_long_for_the_day_that_was_asked_for(diary: Diary) -> None:
    await diary.hours("09:00-17:00", weekday=1)
    await diary.hours("09:00-12:00")

    assert why(await diary.free_on(duration_minutes=240)) == ("too_long", None)


async def test_a_range_outside_the_part_of_the_day_is_not_past(diary: Diary) -> None:
    answer = await diary.free(at("15:00"), at("18:00"), time_until=time(12))

    assert why(answer)[0] != "past"


# Refused


NONSENSE: list[tuple[dict[str, object], str]] = [
    ({"until": at("10:00")}, "INVALID_DATE"),
    ({"until": at("09:59")}, "INVALID_DATE"),
    ({"from": None}, "INVALID_DATE"),
    ({"until": None}, "INVALID_DATE"),
    ({"from": datetime(1899, 1, 1, tzinfo=UTC)}, "INVALID_DATE"),
    ({"time_from": time(12), "time_until": time(12)}, "INVALID_DATE"),
    ({"time_from": time(13), "time_until": time(12)}, "INVALID_DATE"),
    ({"time_from": None}, "INVALID_DATE"),
    ({"until": at("10:01", TUESDAY + 91 * DAY)}, "INVALID_ARGUMENTS"),
    ({"limit": 0}, "INVALID_ARGUMENTS"),
    ({"limit": 501}, "INVALID_ARGUMENTS"),
    ({"limit": None}, "INVALID_ARGUMENTS"),
    ({"spread": None}, "INVALID_ARGUMENTS"),
    ({"call_id": "x" * 1001}, "INVALID_ARGUMENTS"),
    ({"duration_minutes": 0}, "INVALID_DURATION"),
    ({"duration_minutes": 1441}, "INVALID_DURATION"),
    ({"service_type": "massage"}, "UNKNOWN_SERVICE"),
    ({"service_type": None}, "UNKNOWN_SERVICE"),
    ({"practitioner_id": UUID(int=9)}, "UNKNOWN_PRACTITIONER"),
]


async def test_a_question_that_makes_no_sense_is_refused(diary: Diary) -> None:
    await diary.service("consultation", 60)

    for given, expected in NONSENSE:
        question = {"start": at("10:00"), "until": at("12:00"), **given}
        answer = await diary.free(**question)  # type: ignore[arg-type]
        assert code(answer) == expected, given


async def test_infinite_ranges_are_refused(diary: Diary) -> None:
    for span in ("'-infinity', now()", "now(), 'infinity'"):
        answer = await diary.api.fetchval(
            f"SELECT check_availability($1, 'consultation', {span}) ->> 'error'", diary.org_id
        )
        assert answer == "INVALID_DATE"


async def test_ninety_days_are_answered_and_an_unknown_clinic_is_not(diary: Diary) -> None:
    await diary.set(slot_minutes=1440)

    answer = await diary.free(at("00:00"), at("00:00", TUESDAY + 90 * DAY))

    assert len(answer["slots"]) == 90
    diary.org_id = UUID(int=9)
    assert code(await diary.free_on()) == "INVALID_ORGANIZATION"


@pytest.mark.parametrize("session", ["UTC", "America/New_York", "Europe/London", "Asia/Tehran"])
@pytest.mark.parametrize("day", ["2027-03-13", "2027-03-14", "2027-03-15", "2027-11-08"])
async def test_a_part_of_a_day_does_not_depend_on_the_sessions_zone(
    owner: asyncpg.Connection, session: str, day: str
) -> None:
    """The day after a clock change, and the hours before it."""
    query = (
        "SELECT day_parts(noon - interval '13 hours', noon, 'America/New_York', '00:00', '01:05') "
        "= tstzmultirange(tstzrange(midnight, midnight + interval '65 minutes')) "
        "FROM (SELECT ($1::date + time '12:00') AT TIME ZONE 'America/New_York' AS noon, "
        "$1::date::timestamp AT TIME ZONE 'America/New_York' AS midnight) AS day"
    )
    await owner.execute(f"SET TIME ZONE '{session}'")
    if day == "2027-03-14":  # 11 hours from midnight to noon: is_in_part judges each start
        query = query.replace("= tstzmultirange", "@> tstzmultirange")
    assert await owner.fetchval(query, date.fromisoformat(day))

"""What a refused time is answered with: the nearest that could be had instead."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from tests.database import Booking
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
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

TAKEN, CLOSED, SOON = "SLOT_UNAVAILABLE", "OUTSIDE_HOURS", "TOO_SOON"


def told(answer: Booking) -> list[tuple[str, UUID]]:
    """Wall time and practitioner of each."""
    alternatives = answer["alternatives"]
    return list(
        zip(
            clocks(alternatives),
            [UUID(one["practitioner_id"]) for one in alternatives],
            strict=True,
        )
    )


async def test_the_three_nearest_on_either_side(diary: Diary) -> None:
    grey = await diary.practitioner("Dr Grey")
    await diary.book(at("10:00"))

    refused = await diary.book(at("10:10"), BOB)

    assert code(refused) == TAKEN
    assert told(refused) == [("11:00", grey), ("11:15", grey), ("09:00", grey)]
    first = refused["alternatives"][0]
    assert datetime.fromisoformat(first["ends_at"]) == at("12:00")
    assert first["practitioner_name"] == "Dr Grey"
    assert first.keys() == {"starts_at", "ends_at", "practitioner_id", "practitioner_name"}


async def test_a_clinic_without_practitioners_names_none(diary: Diary) -> None:
    await diary.book(at("10:00"))

    [first, *_] = (await diary.book(at("10:00"), BOB))["alternatives"]

    assert (UUID(first["practitioner_id"]), first["practitioner_name"]) == (diary.org_id, None)


async def test_the_asked_practitioner_goes_first_though_others_are_nearer(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-13:00")
    await diary.book(at("09:00"), practitioner_id=shaw, duration_minutes=180)

    refused = await diary.book(at("09:00"), BOB, practitioner_id=shaw)

    assert told(refused) == [("12:00", shaw), ("09:00", grey), ("09:15", grey)]


async def test_the_asked_practitioners_times_of_tomorrow_go_before_others_today(
    diary: Diary,
) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-12:00", practitioner_id=grey)
    await diary.hours("09:00-10:00", weekday=3, practitioner_id=shaw)

    refused = await diary.book(at("09:00"), practitioner_id=shaw)

    assert told(refused) == [("09:00", shaw), ("09:00", grey), ("09:15", grey)]


async def test_when_anybody_will_do_the_nearest_is_first(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-13:00")
    await diary.book(at("09:00"), practitioner_id=grey, duration_minutes=180)
    await diary.book(at("09:00"), BOB, practitioner_id=shaw, duration_minutes=120)

    assert told(await diary.book(at("10:00"), EVE)) == [
        ("11:00", shaw),
        ("11:15", shaw),
        ("11:30", shaw),
    ]


async def test_each_start_is_told_once(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-10:30")

    refused = await diary.book(at("08:00"), practitioner_id=shaw)
    assert told(refused) == [("09:00", shaw), ("09:15", shaw), ("09:30", shaw)]
    assert told(await diary.book(at("08:00"))) == [
        ("09:00", grey),
        ("09:15", grey),
        ("09:30", grey),
    ]


async def test_as_many_as_asked_for_and_no_more_than_ten(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))

    for asked, expected in [(0, 0), (1, 1), (10, 10), (None, 0)]:
        refused = await diary.book(at("10:00"), BOB, alternatives=asked)
        assert len(refused["alternatives"]) == expected
    for asked in (-1, 11):
        for answer in (
            await diary.book(at("10:00"), BOB, alternatives=asked),
            await diary.hold(at("10:00"), alternatives=asked),
            await diary.move(booking, at("12:00"), alternatives=asked),
        ):
            assert code(answer) == "INVALID_ARGUMENTS"


# In time


async def test_none_is_past_or_within_the_notice(diary: Diary) -> None:
    await diary.set_clock(at("10:05"))
    await diary.book(at("10:20"))
    assert clocks((await diary.book(at("10:20"), BOB))["alternatives"]) == [
        "11:30",
        "11:45",
        "12:00",
    ]

    await diary.set_clock(at("13:00"))  # which is on the grid itself
    await diary.book(at("13:15"), duration_minutes=15)
    now = await diary.book(at("13:15"), BOB, duration_minutes=15)
    assert clocks(now["alternatives"]) == ["13:30", "13:45", "14:00"]

    await diary.set_clock(at("10:05"))
    await diary.set(notice_minutes=120)
    refused = await diary.book(at("10:30"), BOB)
    assert code(refused) == SOON
    assert clocks(refused["alternatives"]) == ["12:15", "13:30", "13:45"]


async def test_none_is_beyond_the_horizon(diary: Diary) -> None:
    await diary.set(horizon_days=1)
    await diary.hours("00:00-24:00")
    await diary.book(at("07:00"))

    refused = await diary.book(at("07:00"), BOB)

    assert clocks(refused["alternatives"]) == ["06:00", "08:00", "05:45"]


async def test_the_search_goes_on_until_it_finds_some(diary: Diary) -> None:
    """Within the day, then a week, then a month."""
    await diary.hours("09:00-10:15")
    await diary.special(None, TUESDAY + 7 * DAY)
    await diary.book(at("09:00"))

    refused = await diary.book(at("09:00"), BOB)

    starts = [datetime.fromisoformat(one["starts_at"]) for one in refused["alternatives"]]
    fortnight = TUESDAY + 14 * DAY
    assert starts == [
        at("09:00", fortnight),
        at("09:15", fortnight),
        at("09:00", fortnight + 7 * DAY),
    ]


async def test_the_week_before_is_as_near_as_the_week_after(diary: Diary) -> None:
    day = TUESDAY + 14 * DAY
    await diary.hours("09:00-10:00")
    await diary.book(at("09:00", day))

    refused = await diary.book(at("09:00", day), BOB, alternatives=2)

    starts = [datetime.fromisoformat(one["starts_at"]) for one in refused["alternatives"]]
    assert starts == [at("09:00", day - 7 * DAY), at("09:00", day + 7 * DAY)]


async def test_when_there_is_nothing_for_a_month_nothing_is_told(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.away(grey, at("00:00"), at("00:00", TUESDAY + 90 * DAY))

    refused = await diary.book(at("10:00", TUESDAY + 45 * DAY))

    assert (code(refused), refused["alternatives"]) == (CLOSED, [])


# Outside hours


async def test_outside_hours_tells_why_in_a_word(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-17:00")
    await diary.pause("12:00-13:00", label="lunch with the drug rep")
    await diary.away(grey, at("09:00"), at("11:00"), "rehab")
    await diary.special(None, TUESDAY + 4 * DAY, source="holiday", reason="Founders' Day")

    reasons: list[tuple[datetime, dict[str, object], str]] = [
        (at("08:00"), {}, "closed"),
        (at("16:30"), {}, "closed"),
        (at("12:30"), {}, "break"),
        (at("10:00"), {"practitioner_id": grey}, "away"),
        (at("10:00", TUESDAY + 4 * DAY), {}, "holiday"),
        (at("09:00"), {"duration_minutes": 500}, "too_long"),
        (at("12:00"), {"practitioner_id": shaw}, "break"),
    ]
    for start, more, expected in reasons:
        for answer in (await diary.book(start, **more), await diary.hold(start, **more)):
            assert (code(answer), answer["reason"]) == (CLOSED, expected), (start, more)
            assert "reason_detail" not in answer
            assert not [word for word in ("rehab", "drug", "Founders") if word in str(answer)]


async def test_taken_is_not_outside_hours_and_has_no_reason(diary: Diary) -> None:
    await diary.book(at("10:00"))

    assert "reason" not in await diary.book(at("10:00"), BOB)


# Whoever asks


async def other_functions(diary: Diary) -> list[Callable[[datetime], Awaitable[Booking]]]:
    booking = await diary.book(at("15:00"), EVE, duration_minutes=60)

    async def hold(start: datetime) -> Booking:
        return await diary.hold(start)

    async def move(start: datetime) -> Booking:
        return await diary.move(booking, start)

    return [hold, move]


async def test_holds_and_moves_are_answered_alike(diary: Diary) -> None:
    await diary.set(notice_minutes=60)
    await diary.hours("09:00-17:00")
    await diary.hours("00:00-24:00", weekday=1)
    await diary.book(at("10:00"))

    for ask in await other_functions(diary):
        taken = await ask(at("10:00"))
        assert (code(taken), clocks(taken["alternatives"])) == (TAKEN, ["09:00", "11:00", "11:15"])
        closed = await ask(at("08:00"))
        assert (code(closed), closed["reason"]) == (CLOSED, "closed")
        assert clocks(closed["alternatives"]) == ["09:00", "11:00", "11:15"]
        soon = await ask(NOW + MINUTE)
        assert (code(soon), clocks(soon["alternatives"])) == (SOON, ["09:00", "09:15", "09:30"])


async def test_a_move_may_overlap_what_it_leaves(diary: Diary) -> None:
    await diary.hours("09:00-12:00")
    await diary.book(at("09:00"))
    booking = await diary.book(at("11:00"), BOB)

    refused = await diary.move(booking, at("09:45"))

    assert clocks(refused["alternatives"]) == ["10:00", "10:15", "10:30"]
    assert code(await diary.move(booking, at("10:15"))) is None


async def test_a_moves_alternatives_are_with_the_same_practitioner_first(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-12:00")
    booking = await diary.book(at("11:00"), practitioner_id=shaw)
    await diary.book(at("09:00"), BOB, practitioner_id=shaw)

    assert told(await diary.move(booking, at("09:00"), alternatives=6))[-1] == ("09:00", grey)
    named = await diary.move(booking, at("08:00"), practitioner_id=grey)
    assert told(named) == [("09:00", grey), ("09:15", grey), ("09:30", grey)]


async def test_the_callers_own_holds_and_offers_are_free_to_them(diary: Diary) -> None:
    await diary.set(horizon_days=2)
    await diary.hours("09:00-11:00")
    booking = await diary.book(at("10:00"), BOB)
    await diary.join(ANN)
    await diary.cancel(booking)  # Ann is offered 10:00
    await diary.hold(at("09:00"), "call-1")

    assert clocks((await diary.book(at("08:00"), EVE))["alternatives"]) == []
    assert clocks((await diary.book(at("08:00"), ANN))["alternatives"]) == ["10:00"]
    whole = await diary.book(at("08:00"), ANN, call_id="call-1")
    assert clocks(whole["alternatives"]) == ["09:00", "09:15", "09:30"]


async def test_a_lapsed_hold_is_answered_with_what_is_near(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))
    await diary.set_clock(NOW + timedelta(minutes=5))

    refused = await diary.book(at("10:00"), call_id="call-1", hold_id=UUID(hold["hold_id"]))

    assert code(refused) == "HOLD_EXPIRED"
    assert clocks(refused["alternatives"]) == ["10:00", "09:45", "10:15"]


async def test_refused_without_waiting_it_is_the_same_answer(diary: Diary) -> None:
    """Another books with the practitioner and hasn't committed: who asks for what is plainly taken
    doesn't wait."""
    await diary.book(at("10:00"))
    rival = await diary.database.connect_api()
    transaction = rival.transaction()
    await transaction.start()
    await diary.database.book(
        rival, diary.org_id, patient_phone=EVE.phone, scheduled_at=at("12:00")
    )
    await diary.api.execute("SET lock_timeout = '1s'")

    refused = await diary.book(at("10:00"), BOB)

    await transaction.rollback()
    assert (code(refused), clocks(refused["alternatives"])) == (TAKEN, ["09:00", "11:00", "08:45"])


async def test_another_time_would_not_help(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=1)
    await diary.service("consultation", 60)
    await diary.book(at("10:00"))

    refusals: list[tuple[datetime, dict[str, object], str]] = [
        (NOW, {}, "DATE_IN_PAST"),
        (NOW + 366 * DAY, {}, "TOO_FAR_AHEAD"),
        (at("12:00"), {}, "LIMIT_REACHED"),
        (at("12:00"), {"hold_id": UUID(int=9)}, "LIMIT_REACHED"),
        (at("12:00"), {"service_type": "massage"}, "UNKNOWN_SERVICE"),
        (at("12:00"), {"practitioner_id": UUID(int=9)}, "UNKNOWN_PRACTITIONER"),
    ]
    for start, more, expected in refusals:
        refused = await diary.book(start, **more)
        assert (code(refused), "alternatives" in refused) == (expected, False), (start, more)


# Each can be booked


async def test_each_can_be_booked(diary: Diary) -> None:
    """With rooms, buffers, a break, an absence, overbooked rows and another's hold around."""
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 30, buffer_before_minutes=10, buffer_after_minutes=5)
    await diary.room("scan")
    await diary.hours("09:00-12:00")
    await diary.pause("10:30-11:00", practitioner_id=grey)
    await diary.away(shaw, at("11:15"), at("13:00"))
    first = await diary.book(at("10:00"), service_type="scan", practitioner_id=grey)
    await diary.book(at("10:30"), EVE, service_type="scan", practitioner_id=shaw, **OVERBOOK)
    await diary.cancel(first)
    await diary.hold(at("09:00"), service_type="scan", practitioner_id=grey)

    refused = await diary.book(
        at("10:30"), BOB, service_type="scan", practitioner_id=grey, alternatives=10
    )

    assert len(refused["alternatives"]) == 10
    for one in refused["alternatives"]:
        transaction = diary.api.transaction()
        await transaction.start()
        answer = await diary.book(
            datetime.fromisoformat(one["starts_at"]),
            BOB,
            service_type="scan",
            practitioner_id=UUID(one["practitioner_id"]),
        )
        await transaction.rollback()
        assert code(answer) is None, one


async def test_a_room_that_was_asked_for_is_free_then(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    await diary.book(at("10:00"), practitioner_id=grey, room_id=room)

    refused = await diary.book(at("10:00"), BOB, practitioner_id=shaw, room_id=room)

    assert clocks(refused["alternatives"]) == ["09:00", "11:00", "08:45"]


async def test_a_move_stays_in_its_room_and_is_told_when_that_is_free(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    booking = await diary.book(at("15:00"), practitioner_id=shaw, room_id=room)
    await diary.book(at("10:00"), BOB, practitioner_id=grey, room_id=room)

    refused = await diary.move(booking, at("10:00"))

    assert clocks(refused["alternatives"]) == ["09:00", "11:00", "08:45"]


async def test_the_asked_time_itself_may_be_an_alternative_with_another(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("10:00-11:00", weekday=1)
    await diary.book(at("10:00", MONDAY), practitioner_id=grey)

    refused = await diary.book(at("10:00", MONDAY), BOB, practitioner_id=grey, alternatives=10)

    assert ("10:00", shaw) in told(refused)

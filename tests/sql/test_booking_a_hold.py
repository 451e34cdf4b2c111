"""A hold becomes the booking: whose it is, whom it is with, and what is left of it."""

from uuid import UUID

import pytest

from tests.database import HOUR
from tests.sql.diary import BOB, EVE, MINUTE, NOW, OVERBOOK, STAFF, Diary, at, clocks, code
from tests.sql.test_holds import FIVE_MINUTES, TAKEN, id_of, status_of


async def test_a_hold_is_booked_with_whom_it_is(diary: Diary) -> None:
    grey, _ = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.book(at("14:00"), BOB, practitioner_id=grey)
    hold = await diary.hold(at("10:00"), practitioner_id=grey)

    booking = await diary.book(at("10:00"), call_id="call-1", hold_id=id_of(hold))

    assert UUID(booking["practitioner_id"]) == grey  # Dr Shaw is less busy
    assert await status_of(diary, hold) == "expired"
    assert (await diary.row(booking))["status"] == "confirmed"
    assert code(await diary.book(at("10:00"), EVE, practitioner_id=grey)) == TAKEN


async def test_a_hold_is_booked_in_its_room(diary: Diary) -> None:
    room = await diary.room()
    hold = await diary.hold(at("10:00"), room_id=room)

    booking = await diary.book(at("10:00"), call_id="call-1", hold_id=id_of(hold))

    assert booking["room_id"] == str(room)


async def test_the_call_need_not_name_its_hold(diary: Diary) -> None:
    grey, _ = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.book(at("14:00"), BOB, practitioner_id=grey)
    hold = await diary.hold(at("10:00"), practitioner_id=grey)

    booking = await diary.book(at("10:00"), call_id="call-1")

    assert UUID(booking["practitioner_id"]) == grey
    assert await status_of(diary, hold) == "expired"


async def test_booking_another_time_gives_the_named_hold_up(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    booking = await diary.book(at("15:00"), call_id="call-1", hold_id=id_of(hold))

    assert code(booking) is None
    assert await status_of(diary, hold) == "expired"
    assert code(await diary.book(at("10:00"), BOB)) is None


async def test_a_hold_of_the_call_elsewhere_stays(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    await diary.book(at("15:00"), call_id="call-1")

    assert await status_of(diary, hold) == "held"


async def test_a_repeated_booking_of_a_hold_is_the_same(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))
    first = await diary.book(at("10:00"), call_id="call-1", hold_id=id_of(hold))

    again = await diary.book(at("10:00"), call_id="call-1", hold_id=id_of(hold))

    assert again == {**first, "replayed": True}
    other = await diary.book(at("12:00"), BOB, call_id="call-1", hold_id=id_of(hold))
    assert code(other) == "HOLD_EXPIRED"


@pytest.mark.parametrize("call_id", ["call-2", None, ""])
async def test_a_hold_belongs_to_its_call(diary: Diary, call_id: str | None) -> None:
    hold = await diary.hold(at("10:00"))
    named = {"call_id": call_id, "hold_id": id_of(hold)}

    for start in (at("10:00"), at("15:00")):
        refused = await diary.book(start, **named)
        assert code(refused) == "NOT_YOURS"
        assert "alternatives" not in refused
    assert code(await diary.call("release_hold", **named)) == "NOT_YOURS"
    assert await status_of(diary, hold) == "held"
    assert code(await diary.book(at("10:00"), **named, **STAFF)) is None


async def test_a_hold_without_a_call_belongs_to_whoever_knows_it(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"), None)

    assert code(await diary.book(at("10:00"), call_id="call-2", hold_id=id_of(hold))) is None


async def test_what_is_no_hold_of_the_clinic_is_not_found(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    here = diary.org_id
    diary.org_id = await diary.database.organization()
    elsewhere = await diary.hold(at("10:00"))
    diary.org_id = here

    for id_ in (UUID(booking["appointment_id"]), id_of(elsewhere), UUID(int=9)):
        more = {"call_id": "call-1", "hold_id": id_}
        assert code(await diary.book(at("12:00"), BOB, **more)) == "NOT_FOUND"
        assert code(await diary.call("release_hold", **more)) == "NOT_FOUND"
    assert await status_of(diary, elsewhere) == "held"


async def test_a_hold_that_lapsed_or_was_given_back_is_not_booked(diary: Diary) -> None:
    lapsed, released = await diary.hold(at("10:00")), await diary.hold(at("12:00"))
    await diary.call("release_hold", hold_id=id_of(released), call_id="call-1")
    await diary.set_clock(NOW + FIVE_MINUTES)

    for hold, start in [(lapsed, "10:00"), (released, "12:00")]:
        refused = await diary.book(at(start), call_id="call-1", hold_id=id_of(hold))
        assert code(refused) == "HOLD_EXPIRED"
        assert clocks(refused["alternatives"])[0] == start
    assert await diary.count("leads") == 0


async def test_who_holds_a_time_gets_it_though_staff_put_another_over_it(diary: Diary) -> None:
    room = await diary.room()
    await diary.hold(at("10:00"), room_id=room)
    over = await diary.book(at("10:00"), EVE, room_id=room, **OVERBOOK)

    booking = await diary.book(at("10:00"), BOB, call_id="call-1", room_id=room)

    assert code(booking) is None
    assert (await diary.row(over))["overlap_allowed"] is True
    assert (await diary.row(booking))["overlap_allowed"] is False


async def test_a_hold_of_less_is_no_way_round_what_was_overbooked(diary: Diary) -> None:
    await diary.hold(at("10:00"), duration_minutes=30)
    await diary.book(at("10:00"), EVE, **OVERBOOK)

    longer = await diary.book(at("10:00"), BOB, call_id="call-1", duration_minutes=60)

    assert code(longer) == TAKEN


async def test_what_is_held_can_be_booked_as_long_as_it_is_held(diary: Diary) -> None:
    await diary.set(notice_minutes=60)
    hold = await diary.hold(NOW + HOUR)
    await diary.set_clock(NOW + MINUTE)

    booking = await diary.book(NOW + HOUR, call_id="call-1", hold_id=id_of(hold))

    assert code(booking) is None


async def test_a_hold_of_one_service_is_no_way_round_the_notice_of_another(diary: Diary) -> None:
    await diary.service("talk", 10)
    await diary.service("scan", 60, notice_minutes=24 * 60)
    hold = await diary.hold(NOW + HOUR, service_type="talk")

    for more in ({"hold_id": id_of(hold)}, {}):
        answer = await diary.book(NOW + HOUR, service_type="scan", call_id="call-1", **more)
        assert code(answer) == "TOO_SOON"


async def test_a_move_to_what_the_call_holds_is_not_too_soon(diary: Diary) -> None:
    await diary.set(notice_minutes=60)
    booking = await diary.book(at("10:00"))
    await diary.hold(NOW + HOUR)
    await diary.set_clock(NOW + MINUTE)

    assert code(await diary.move(booking, NOW + HOUR, call_id="call-1")) is None


async def test_a_call_that_does_not_name_its_hold_gets_its_room_too(diary: Diary) -> None:
    room = await diary.room()
    await diary.hold(at("10:00"), room_id=room)

    booking = await diary.book(at("10:00"), call_id="call-1")

    assert booking["room_id"] == str(room)


async def test_nobody_may_book_more_by_holding_it_first(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=1, notice_minutes=60)
    await diary.book(at("10:00"))
    hold = await diary.hold(NOW + HOUR)
    for now in (NOW, NOW + MINUTE):
        await diary.set_clock(now)
        answer = await diary.book(NOW + HOUR, call_id="call-1", hold_id=id_of(hold))
        assert code(answer) == "LIMIT_REACHED"

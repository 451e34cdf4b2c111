"""A time is held while the call goes on, under the rules, locks and constraints of a booking."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, Booking
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    NOW,
    OVERBOOK,
    STAFF,
    Diary,
    at,
    code,
)

TAKEN = "SLOT_UNAVAILABLE"
FIVE_MINUTES = timedelta(minutes=5)


def id_of(hold: Booking) -> UUID:
    return UUID(hold["hold_id"])


async def status_of(diary: Diary, hold: Booking) -> str:
    return str((await diary.row(hold))["status"])


async def expiry_of(diary: Diary, hold: Booking) -> datetime:
    expires: datetime = (await diary.row(hold))["hold_expires_at"]
    return expires


# Holding


async def test_the_answer_and_the_row(diary: Diary) -> None:
    grey = await diary.practitioner("Dr Grey")
    await diary.service("scan", 30, buffer_before_minutes=5, buffer_after_minutes=10)
    room = await diary.room("scan")

    hold = await diary.hold(at("10:00"), service_type="Scan", duration_minutes=90)

    assert hold.keys() == {
        *("success", "hold_id", "expires_at", "scheduled_at", "ends_at", "service_type"),
        *("practitioner_id", "practitioner_name", "room_id", "replayed", "message", "created_at"),
    }
    assert (hold["service_type"], hold["practitioner_name"]) == ("scan", "Dr Grey")
    assert (UUID(hold["practitioner_id"]), UUID(hold["room_id"])) == (grey, room)
    assert (hold["replayed"], datetime.fromisoformat(hold["created_at"])) == (False, NOW)
    row = await diary.row(hold)
    assert (row["scheduled_at"], row["ends_at"]) == (at("10:00"), at("10:30"))
    assert (row["blocked_from"], row["blocked_until"]) == (at("09:55"), at("10:40"))
    assert (row["status"], row["call_id"], row["contact_id"]) == ("held", "call-1", None)
    assert (
        row["hold_expires_at"] == datetime.fromisoformat(hold["expires_at"]) == NOW + FIVE_MINUTES
    )
    [event] = await diary.events("held")
    assert (event["appointment_id"], event["call_id"], event["data"]) == (row["id"], "call-1", "{}")


async def test_the_clinic_says_how_long(diary: Diary) -> None:
    await diary.set(hold_seconds=90)

    assert await expiry_of(diary, await diary.hold(at("10:00"))) == NOW + timedelta(seconds=90)


async def test_a_hold_keeps_everybody_else_out(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    booking = await diary.book(at("14:00"), BOB)
    for answer in (
        await diary.book(at("10:30"), ANN),
        await diary.book(at("10:00"), ANN, call_id="call-2"),
        await diary.hold(at("10:00"), "call-2"),
        await diary.hold(at("09:30"), None),
        await diary.move(booking, at("10:30")),
    ):
        assert (code(answer), len(answer["alternatives"])) == (TAKEN, 3)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await diary.database.appointment(
            diary.org_id, diary.org_id, scheduled_at=at("10:00"), ends_at=at("10:01")
        )
    assert await status_of(diary, hold) == "held"


async def test_a_hold_lapses_at_its_very_moment_with_nobody_sweeping(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    await diary.set_clock(NOW + FIVE_MINUTES - timedelta(microseconds=1))
    assert code(await diary.book(at("10:00"))) == TAKEN
    await diary.set_clock(NOW + FIVE_MINUTES)
    assert code(await diary.book(at("10:00"))) is None
    assert await status_of(diary, hold) == "expired"


async def test_a_lapsed_hold_is_taken_over_by_holds_and_moves(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))
    later = await diary.hold(at("12:00"))
    booking = await diary.book(at("14:00"))
    await diary.set_clock(NOW + FIVE_MINUTES)

    assert code(await diary.hold(at("10:30"), "call-2")) is None
    assert code(await diary.move(booking, at("12:30"))) is None
    assert [await status_of(diary, one) for one in (hold, later)] == ["expired", "expired"]


async def test_a_lapsed_hold_is_taken_over_by_its_own_call(diary: Diary) -> None:
    first = await diary.hold(at("10:00"))
    await diary.set_clock(NOW + FIVE_MINUTES)

    second = await diary.hold(at("10:00"))

    assert (second["replayed"], second["hold_id"] != first["hold_id"]) == (False, True)


# Asked again


async def test_the_same_call_and_start_is_the_same_hold(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    first = await diary.hold(at("10:00"))
    await diary.set_clock(NOW + MINUTE)

    second = await diary.hold(at("10:00"))

    assert second == {**first, "replayed": True}
    assert await diary.count("appointments") == await diary.count("events") == 1
    other = await diary.hold(at("10:00"), "call-2")
    assert other["practitioner_id"] != first["practitioner_id"]


async def test_another_service_start_or_practitioner_is_another_hold(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    first = await diary.hold(at("10:00"), practitioner_id=grey)

    for more in ({"practitioner_id": shaw}, {"service_type": "scan", "practitioner_id": grey}):
        assert (await diary.hold(at("10:00"), **more))["replayed"] is False
    assert await status_of(diary, first) == "expired"  # by the scan, which is in its time


async def test_without_a_call_nothing_is_asked_again(diary: Diary) -> None:
    await diary.hold(at("10:00"), None)

    assert code(await diary.hold(at("10:00"), None)) == TAKEN


async def test_the_call_may_choose_an_overlapping_time_instead(diary: Diary) -> None:
    first = await diary.hold(at("10:00"))

    second = await diary.hold(at("10:30"))

    assert code(second) is None
    assert await status_of(diary, first) == "expired"


@pytest.mark.parametrize(("call_id", "most"), [("call-1", 3), (None, 20)])
async def test_so_many_holds_and_no_more(diary: Diary, call_id: str | None, most: int) -> None:
    await diary.practitioners(*"ABCDEFGHIJKLMNOPQRSTUVWX")
    await diary.join(ANN)
    await diary.cancel(await diary.book(at("20:00"), BOB))  # what is offered isn't counted
    holds = [await diary.hold(at("10:00") + n % 3 * HOUR, call_id, **nth(n)) for n in range(most)]

    assert [code(hold) for hold in holds] == [None] * most
    refused = await diary.hold(at("20:00"), call_id)
    assert code(refused) == "LIMIT_REACHED"
    assert "alternatives" not in refused
    assert code(await diary.hold(at("20:00"), "call-2")) is None
    await diary.call("release_hold", hold_id=id_of(holds[0]), call_id=call_id)
    assert code(await diary.hold(at("20:00"), call_id)) is None


def nth(number: int) -> dict[str, UUID]:
    return {"practitioner_id": UUID(int=number + 1)}


async def test_lapsed_holds_are_not_counted(diary: Diary) -> None:
    for hour in (10, 12, 14):
        await diary.hold(at(f"{hour}:00"))
    await diary.set_clock(NOW + FIVE_MINUTES)

    assert code(await diary.hold(at("16:00"))) is None


# Refused


REFUSED: list[tuple[datetime | None, dict[str, object], str]] = [
    (None, {}, "INVALID_DATE"),
    (NOW, {}, "DATE_IN_PAST"),
    (NOW + MINUTE, {}, "TOO_SOON"),
    (NOW + 366 * DAY, {}, "TOO_FAR_AHEAD"),
    (at("08:00"), {}, "OUTSIDE_HOURS"),
    (at("10:00"), {"service_type": "massage"}, "UNKNOWN_SERVICE"),
    (at("10:00"), {"service_type": None}, "UNKNOWN_SERVICE"),
    (at("10:00"), {"practitioner_id": UUID(int=9)}, "UNKNOWN_PRACTITIONER"),
    (at("10:00"), {"room_id": UUID(int=9)}, "NOT_FOUND"),
    (at("10:00"), {"duration_minutes": 0}, "INVALID_DURATION"),
    (at("10:00"), {"duration_minutes": 1441}, "INVALID_DURATION"),
    (at("10:00"), {"source": None}, "INVALID_ARGUMENTS"),
    (at("10:00"), {"call_id": "x" * 1001}, "INVALID_ARGUMENTS"),
    (at("10:00"), {"idempotency_key": "x" * 1001}, "INVALID_ARGUMENTS"),
]


async def test_a_refused_hold_writes_nothing(diary: Diary) -> None:
    await diary.set(notice_minutes=60)
    await diary.service("consultation", 60)
    await diary.hours("09:00-17:00")
    await diary.hours("00:00-24:00", weekday=1)

    for start, more, expected in REFUSED:
        given = {"service_type": "consultation", "scheduled_at": start, "call_id": "c", **more}
        assert code(await diary.call("hold_slot", **given)) == expected, (start, more)
    assert [await diary.count(t) for t in ("appointments", "events", "practitioners")] == [0, 0, 0]


async def test_rooms_that_are_shut_or_another_clinics_are_not_found(diary: Diary) -> None:
    shut = await diary.room(active=False)
    elsewhere = await diary.database.room(await diary.database.organization())

    for room in (shut, elsewhere):
        assert code(await diary.hold(at("10:00"), room_id=room)) == "NOT_FOUND"
    diary.org_id = UUID(int=9)
    assert code(await diary.hold(at("10:00"))) == "INVALID_ORGANIZATION"


async def test_no_hold_is_for_ever(diary: Diary) -> None:
    for function, more in [
        ("hold_slot", ""),
        ("reschedule_appointment", ", p_appointment_id => $1"),
    ]:
        what = "" if more else ", p_service_type => 'consultation'"
        answer = await diary.api.fetchval(
            f"SELECT {function}($1, p_scheduled_at => 'infinity'{what}{more}) ->> 'error'",
            diary.org_id,
        )
        assert answer == "INVALID_DATE"


async def test_a_hold_keeps_its_room(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    hold = await diary.hold(at("10:00"), practitioner_id=grey, room_id=room)

    refused = await diary.book(at("10:30"), practitioner_id=shaw, room_id=room)
    assert code(refused) == TAKEN
    booking = await diary.book(
        at("10:00"), room_id=room, practitioner_id=grey, call_id="call-1", hold_id=id_of(hold)
    )
    assert UUID(booking["room_id"]) == room


async def test_a_service_may_be_as_long_as_a_booking_takes_it(diary: Diary) -> None:
    assert code(await diary.hold(at("10:00"), service_type="x" * 101)) == "UNKNOWN_SERVICE"


async def test_nobody_holds_what_they_may_not_book(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=1)
    await diary.book(at("10:00"))

    refused = await diary.hold(at("12:00"), caller_phone=ANN.phone)

    assert code(refused) == "LIMIT_REACHED"


# Asked again by key


async def test_a_key_gets_the_same_hold(diary: Diary) -> None:
    key = {"idempotency_key": "k", "request_hash": "h"}
    first = await diary.hold(at("10:00"), None, **key)

    assert await diary.hold(at("10:00"), None, **key) == {**first, "replayed": True}
    other = await diary.hold(at("12:00"), None, idempotency_key="k", request_hash="other")
    assert code(other) == "IDEMPOTENCY_MISMATCH"
    assert await diary.count("appointments") == 1


async def test_a_refused_hold_leaves_its_key_free(diary: Diary) -> None:
    key = {"idempotency_key": "k", "request_hash": "h"}
    booking = await diary.book(at("10:00"))
    assert code(await diary.hold(at("10:00"), **key)) == TAKEN
    await diary.cancel(booking)

    assert code(await diary.hold(at("10:00"), **key)) is None


# Given back


async def test_a_hold_given_back_is_free_at_once(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    for _ in range(2):
        answer = await diary.call("release_hold", hold_id=id_of(hold), call_id="call-1")
        assert (code(answer), answer["hold_id"]) == (None, hold["hold_id"])
    row = await diary.row(hold)
    assert (row["status"], row["version"], row["updated_at"]) == ("expired", 2, NOW)
    [event] = await diary.events("released")
    assert (event["appointment_id"], event["data"]) == (row["id"], "{}")
    assert code(await diary.book(at("10:00"))) is None


async def test_an_offer_is_not_given_back_as_a_hold(diary: Diary) -> None:
    booking = await diary.book(at("10:00"), BOB)
    await diary.join(ANN)
    await diary.cancel(booking)
    offer = await diary.owner.fetchval("SELECT id FROM appointments WHERE status = 'held'")

    for more in ({}, {"call_id": "call-1"}, STAFF):
        assert code(await diary.call("release_hold", hold_id=offer, **more)) == "NOT_YOURS"


async def test_the_call_lives_and_its_holds_with_it(diary: Diary) -> None:
    lapsed = await diary.hold(at("08:00"))
    await diary.set_clock(NOW + FIVE_MINUTES)
    mine, other = await diary.hold(at("10:00")), await diary.hold(at("12:00"), "call-2")
    await diary.set_clock(NOW + 9 * MINUTE)

    assert await diary.number("extend_holds", "call-1") == 1

    assert await expiry_of(diary, mine) == NOW + 14 * MINUTE
    assert await expiry_of(diary, other) == NOW + 10 * MINUTE
    assert await expiry_of(diary, lapsed) == NOW + FIVE_MINUTES
    assert await diary.number("extend_holds", "call-1") == 0  # nothing to add
    await diary.set(hold_seconds=10)
    assert await diary.number("extend_holds", "call-1") == 0  # never shorter
    assert await expiry_of(diary, mine) == NOW + 14 * MINUTE


async def test_no_hold_lives_for_more_than_an_hour(diary: Diary) -> None:
    await diary.set(hold_seconds=3000)
    hold = await diary.hold(at("10:00"))
    await diary.set_clock(NOW + 40 * MINUTE)

    assert await diary.number("extend_holds", "call-1") == 1
    assert await expiry_of(diary, hold) == NOW + HOUR
    await diary.set_clock(NOW + 59 * MINUTE)
    assert await diary.number("extend_holds", "call-1") == 0
    assert await expiry_of(diary, hold) == NOW + HOUR


async def test_the_call_is_over_and_its_holds_are_free(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    mine = [await diary.hold(at("10:00")), await diary.hold(at("11:00"), room_id=room)]
    other = await diary.hold(at("12:00"), "call-2")
    booking = await diary.book(at("14:00"), call_id="call-1")

    assert await diary.number("release_holds", "call-1") == 2
    assert await diary.number("release_holds", "call-1") == 0

    assert [await status_of(diary, hold) for hold in mine] == ["expired", "expired"]
    assert await status_of(diary, other) == "held"
    assert (await diary.row(booking))["status"] == "confirmed"
    assert len(await diary.events("released")) == 2


# Tidied away


async def test_what_lapsed_a_while_ago_is_tidied_away_and_nothing_else(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    old = [await diary.hold(at("10:00"), practitioner_id=who) for who in (grey, shaw)]
    over = await diary.book(at("10:30"), EVE, practitioner_id=grey, **OVERBOOK)
    await diary.set_clock(NOW + MINUTE)
    lapsed = await diary.hold(at("12:00"))
    await diary.set_clock(NOW + 14 * MINUTE)
    live = await diary.hold(at("14:00"))
    assert await diary.number("sweep_holds") == 0
    assert await organizations(diary) == []

    await diary.set_clock(NOW + 15 * MINUTE)
    assert await organizations(diary) == [str(diary.org_id)]
    assert await diary.number("sweep_holds") == 2
    assert await diary.number("sweep_holds") == 0

    found = [await status_of(diary, hold) for hold in (*old, lapsed, live)]
    assert found == ["expired", "expired", "held", "held"]
    assert (await diary.row(over))["overlap_allowed"] is False
    assert await organizations(diary) == []


async def organizations(diary: Diary) -> list[str]:
    """Where there is something to tidy."""
    listed: str = await diary.api.fetchval("SELECT organizations_with_lapsed_holds(9)")
    found: list[str] = json.loads(listed)
    return found


async def test_who_is_busy_is_tidied_another_time(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))
    await diary.set_clock(NOW + HOUR)
    rival = await diary.database.connect_api()
    transaction = rival.transaction()
    await transaction.start()
    await diary.database.book(rival, diary.org_id, scheduled_at=at("12:00"))

    await diary.api.execute("SET lock_timeout = '1s'")

    assert await diary.number("sweep_holds") == 0

    await transaction.rollback()
    assert await status_of(diary, hold) == "held"
    assert await diary.number("sweep_holds") == 1


# What was put over a hold


async def release(diary: Diary, hold: Booking) -> None:
    await diary.call("release_hold", hold_id=id_of(hold), call_id="call-1")


async def end_call(diary: Diary, hold: Booking) -> None:
    await diary.number("release_holds", "call-1")


async def book_elsewhere(diary: Diary, hold: Booking) -> None:
    await diary.book(at("15:00"), BOB, call_id="call-1", hold_id=id_of(hold))


async def book_before(diary: Diary, hold: Booking) -> None:
    """09:30 to 10:30: over the lapsed hold, not over what was put over it."""
    await diary.set_clock(NOW + FIVE_MINUTES)
    assert code(await diary.book(at("09:30"), BOB)) is None


@pytest.mark.parametrize(
    "leave",
    [
        release,
        end_call,
        book_elsewhere,
        book_before,
    ],
)
async def test_what_was_put_over_a_hold_is_settled_when_it_leaves(
    diary: Diary, leave: Callable[[Diary, Booking], Awaitable[None]]
) -> None:
    hold = await diary.hold(at("10:00"))
    over = await diary.book(at("10:30"), EVE, **OVERBOOK)
    assert (await diary.row(over))["overlap_allowed"] is True

    await leave(diary, hold)

    assert await status_of(diary, hold) == "expired"
    assert (await diary.row(over))["overlap_allowed"] is False

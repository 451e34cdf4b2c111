"""An appointment is moved, cancelled, or marked with what became of it."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import Booking
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    NOW,
    OVERBOOK,
    STAFF,
    TUESDAY,
    Diary,
    at,
    code,
)

TAKEN = "SLOT_UNAVAILABLE"


async def unchanged(diary: Diary, booking: Booking) -> bool:
    """Still where and as it was booked."""
    row = await diary.row(booking)
    return (row["scheduled_at"].isoformat(), row["status"], row["version"]) == (
        booking["scheduled_at"],
        "confirmed",
        1,
    )


# Moves


async def test_a_move_changes_the_row_in_place(diary: Diary) -> None:
    _, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    booking = await diary.book(at("10:00"), patient_email="ann@example.com", call_id="call-1")

    moved = await diary.move(booking, at("15:00"), practitioner_id=shaw, call_id="call-2")

    same = ("appointment_id", "contact_id", "created_at", "service_type", "status")
    assert {key: moved[key] for key in same} == {key: booking[key] for key in same}
    assert moved.keys() == {*booking.keys(), "previous"}
    assert moved["previous"] == {
        "scheduled_at": booking["scheduled_at"],
        "practitioner_id": booking["practitioner_id"],
        "practitioner_name": "Dr Grey",
    }
    assert (moved["practitioner_name"], moved["version"], moved["replayed"]) == (
        "Dr Shaw",
        2,
        False,
    )
    row = await diary.row(moved)
    assert (row["scheduled_at"], row["ends_at"]) == (at("15:00"), at("16:00"))
    assert (row["practitioner_id"], row["call_id"], row["updated_at"]) == (shaw, "call-1", NOW)
    [event] = await diary.events("moved")
    assert event["call_id"] == "call-2"
    assert event["lead_id"] == row["contact_id"]
    told = json.loads(event["data"])
    assert told.keys() == {"from", "to", "from_practitioner_id", "to_practitioner_id", "version"}
    assert (told["from_practitioner_id"], told["version"]) == (booking["practitioner_id"], 2)


async def test_the_old_time_is_free_and_the_new_one_taken(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.move(booking, at("10:30"))

    assert code(await diary.book(at("09:30"), BOB)) is None
    assert code(await diary.book(at("11:15"), EVE)) == TAKEN


async def test_a_refused_move_leaves_it_where_it_was(diary: Diary) -> None:
    await diary.hours("09:00-17:00")
    await diary.set(horizon_days=30)
    booking = await diary.book(at("10:00"))
    await diary.book(at("12:00"), BOB)

    refusals: list[tuple[datetime | None, dict[str, object], str]] = [
        (at("11:30"), {}, TAKEN),
        (at("16:30"), {}, "OUTSIDE_HOURS"),
        (NOW, {}, "DATE_IN_PAST"),
        (at("10:00", TUESDAY + 35 * DAY), {}, "TOO_FAR_AHEAD"),
        (None, {}, "INVALID_DATE"),
        (at("14:00"), {"practitioner_id": UUID(int=9)}, "UNKNOWN_PRACTITIONER"),
        (at("14:00"), {"room_id": UUID(int=9)}, "NOT_FOUND"),
        (at("14:00"), {"source": None}, "INVALID_ARGUMENTS"),
        (at("14:00"), {"caller_name": "x" * 1001}, "INVALID_ARGUMENTS"),
        (at("14:00"), {**STAFF, "duration_minutes": 0}, "INVALID_DURATION"),
    ]
    for start, more, expected in refusals:
        assert code(await diary.move(booking, start, **more)) == expected, (start, more)
    assert await unchanged(diary, booking)
    assert await diary.events("moved") == []
    assert ("sms_change", 2) not in await diary.deliveries(booking)


async def test_a_move_keeps_length_and_buffers_whatever_the_service_is_now(diary: Diary) -> None:
    await diary.service("scan", 30, buffer_before_minutes=10, buffer_after_minutes=20)
    booking = await diary.book(at("10:00"), service_type="scan")
    await diary.owner.execute(
        "UPDATE services SET duration_minutes = 60, buffer_after_minutes = 0, active = false"
    )

    await diary.move(booking, at("15:00"))

    row = await diary.row(booking)
    assert (row["scheduled_at"], row["ends_at"]) == (at("15:00"), at("15:30"))
    assert (row["blocked"].lower, row["blocked"].upper) == (at("14:50"), at("15:50"))


async def test_another_services_notice_is_not_its_own(diary: Diary) -> None:
    """Booked when the clinic listed no services."""
    booking = await diary.book(at("10:00"))
    await diary.service("scan", 30, notice_minutes=30 * 24 * 60)

    assert code(await diary.move(booking, at("15:00"))) is None


async def test_staff_give_it_another_length_and_nobody_else_does(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))

    assert code(await diary.move(booking, at("10:00"), duration_minutes=30)) == "UNAUTHORIZED"
    moved = await diary.move(booking, at("10:00"), duration_minutes=30, **STAFF)

    assert (moved["replayed"], moved["version"]) == (False, 2)
    assert (await diary.row(booking))["ends_at"] == at("10:30")


async def test_it_stays_with_its_practitioner_however_busy(diary: Diary) -> None:
    grey, _ = await diary.practitioners("Dr Grey", "Dr Shaw")
    booking = await diary.book(at("10:00"), practitioner_id=grey)
    await diary.book(at("14:00"), BOB, practitioner_id=grey)

    assert code(await diary.move(booking, at("14:30"))) == TAKEN
    assert (await diary.move(booking, at("15:00")))["practitioner_name"] == "Dr Grey"


async def test_what_was_booked_before_there_was_a_practitioner_goes_to_one(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.practitioner("Dr Grey")

    moved = await diary.move(booking, at("12:00"))

    assert (moved["practitioner_name"], moved["previous"]["practitioner_name"]) == ("Dr Grey", None)


async def test_a_move_gets_a_room_that_is_free_or_keeps_the_one_it_chose(diary: Diary) -> None:
    await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 60)
    await diary.service("talk", 60)
    first, second = [await diary.room("scan", id=UUID(int=n)) for n in (1, 2)]
    await diary.book(at("15:00"), BOB, service_type="scan")
    scan = await diary.book(at("10:00"), service_type="scan")
    talk = await diary.book(at("12:00"), EVE, service_type="talk", room_id=first)

    assert UUID((await diary.move(scan, at("15:00")))["room_id"]) == second
    assert code(await diary.move(talk, at("15:00"))) == TAKEN
    assert UUID((await diary.move(talk, at("17:00")))["room_id"]) == first
    named = await diary.move(talk, at("17:00"), room_id=second)
    assert (UUID(named["room_id"]), named["version"]) == (second, 3)


async def test_where_it_is_already_is_a_success_that_changes_nothing(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set(notice_minutes=500000)

    again = await diary.move(booking, at("10:00"))

    assert {**again, "previous": None} == {**booking, "replayed": True, "previous": None}
    assert again["previous"]["scheduled_at"] == booking["scheduled_at"]
    assert await unchanged(diary, booking)


async def test_a_move_takes_the_callers_holds_in_its_way(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    hold = await diary.hold(at("15:00"), "call-2")
    assert code(await diary.move(booking, at("15:00"), call_id="call-3")) == TAKEN

    assert code(await diary.move(booking, at("15:00"), call_id="call-2")) is None
    assert (await diary.row(hold))["status"] == "expired"


@pytest.mark.parametrize("function", ["move", "cancel"])
async def test_what_is_over_or_no_booking_can_not_be_changed(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"))
    hold = await diary.hold(at("12:00"))
    elsewhere = {"appointment_id": str(UUID(int=9))}

    async def change(what: Booking, **more: object) -> str | None:
        if function == "cancel":
            return code(await diary.cancel(what, **more))
        return code(await diary.move(what, at("18:00"), **more))

    assert await change(elsewhere) == "NOT_FOUND"
    for version in (None, 9):
        assert await change({"appointment_id": hold["hold_id"]}, version=version) == "NOT_FOUND"
    for status in ("completed", "no_show", "expired"):
        await diary.owner.execute(
            "UPDATE appointments SET status = $1 WHERE status <> 'held'", status
        )
        assert await change(booking, **STAFF) == "NOT_FOUND", status
    await diary.owner.execute(
        "UPDATE appointments SET status = 'confirmed' WHERE contact_id > $1", UUID(int=0)
    )
    await diary.set_clock(at("10:00"))
    assert await change(booking) == "NOT_FOUND"
    assert await change(booking, **STAFF) is None
    diary.org_id = UUID(int=9)
    assert await change(booking) == "INVALID_ORGANIZATION"


async def test_a_cancelled_appointment_is_not_moved(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.cancel(booking)

    assert code(await diary.move(booking, at("12:00"))) == "NOT_FOUND"


@pytest.mark.parametrize("function", ["move", "cancel", "mark"])
async def test_another_clinics_appointment_is_not_found(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"))
    diary.org_id = await diary.database.organization()

    answer = {
        "move": lambda: diary.move(booking, at("12:00"), **STAFF),
        "cancel": lambda: diary.cancel(booking, **STAFF),
        "mark": lambda: diary.mark(booking, "completed"),
    }[function]()

    assert code(await answer) == "NOT_FOUND"
    assert await unchanged(diary, booking)


# Cancelling


async def test_a_cancelled_time_is_free(diary: Diary) -> None:
    grey = await diary.practitioner("Dr Grey")
    booking = await diary.book(at("10:00"))

    answer = await diary.cancel(booking, reason="  feels better ", call_id="call-2")

    assert answer == {
        "success": True,
        "appointment_id": booking["appointment_id"],
        "status": "cancelled",
        "version": 2,
        "scheduled_at": booking["scheduled_at"],
        "service_type": "consultation",
        "practitioner_id": str(grey),
        "practitioner_name": "Dr Grey",
        "replayed": False,
        "message": "The appointment is cancelled",
        "created_at": booking["created_at"],
    }
    row = await diary.row(booking)
    assert (row["status"], row["version"], row["updated_at"]) == ("cancelled", 2, NOW)
    assert json.loads(row["metadata"])["cancel_reason"] == "feels better"
    [event] = await diary.events("cancelled")
    assert (event["call_id"], event["lead_id"]) == ("call-2", row["contact_id"])
    assert json.loads(event["data"]) == {"source": "sql", "version": 2}
    assert code(await diary.book(at("10:00"), BOB)) is None


async def test_cancelled_twice_is_cancelled_once(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    first = await diary.cancel(booking)

    assert await diary.cancel(booking, version=1) == {**first, "replayed": True}
    assert len(await diary.events("cancelled")) == 1
    assert (await diary.row(booking))["version"] == 2


async def test_a_cancellation_that_makes_no_sense_is_refused(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))

    for more in ({"reason": "x" * 2001}, {"source": None}, {"call_id": "x" * 1001}):
        assert code(await diary.cancel(booking, **more)) == "INVALID_ARGUMENTS"
    assert await unchanged(diary, booking)


# Marks


async def test_staff_mark_what_became_of_it(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set_clock(at("10:00"))

    for version, status in enumerate(["no_show", "completed", "confirmed"], 2):
        answer = await diary.mark(booking, status)
        assert (answer["status"], answer["version"], answer["replayed"]) == (status, version, False)
        again = await diary.mark(booking, status)
        assert (again["version"], again["replayed"]) == (version, True)
        [event] = await diary.events(status)
        assert (str(event["appointment_id"]), event["data"]) == (booking["appointment_id"], "{}")


async def test_marks_are_for_staff_and_for_what_has_begun(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    assert code(await diary.mark(booking, "completed")) == "INVALID_ARGUMENTS"
    await diary.set_clock(at("10:00"))

    for source in ("sql", "voice", None):
        assert code(await diary.mark(booking, "completed", source=source)) == "UNAUTHORIZED"
    for status in ("cancelled", "held", "expired", "", None):
        assert code(await diary.mark(booking, status)) == "INVALID_ARGUMENTS"
    assert code(await diary.mark(booking, "completed", version=2)) == "STALE_VERSION"
    assert await unchanged(diary, booking)
    await diary.cancel(booking, **STAFF)
    assert code(await diary.mark(booking, "completed")) == "NOT_FOUND"
    assert code(await diary.mark({"appointment_id": str(UUID(int=9))}, "completed")) == "NOT_FOUND"


async def test_a_mark_is_not_taken_back_over_another_appointment(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set_clock(at("10:00"))
    await diary.mark(booking, "no_show")
    await diary.database.appointment(
        diary.org_id, diary.org_id, scheduled_at=at("10:30"), ends_at=at("11:00")
    )

    assert code(await diary.mark(booking, "confirmed")) == TAKEN
    assert (await diary.row(booking))["status"] == "no_show"


async def test_after_its_time_nobody_is_told_any_more(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set_clock(at("10:00"))
    await diary.mark(booking, "completed")

    assert await diary.deliveries(booking) == {
        ("calendar", 1): "queued",
        ("sms_confirmation", 1): "voided",
    }


# Versions


async def test_a_stale_version_is_told_the_present_one(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.move(booking, at("11:00"), version=1)

    for answer in (
        await diary.move(booking, at("12:00"), version=1),
        await diary.move(booking, at("11:00"), version=1),
        await diary.cancel(booking, version=1),
        await diary.cancel(booking, version=3),
    ):
        assert (code(answer), answer["version"]) == ("STALE_VERSION", 2)
    assert (await diary.move(booking, at("12:00"), version=2))["version"] == 3
    assert (await diary.cancel(booking, version=3))["version"] == 4


# Deliveries


async def test_a_move_voids_what_waits_and_queues_it_anew(diary: Diary) -> None:
    booking = await diary.book(at("10:00"), patient_email="ann@example.com")
    await diary.owner.execute(
        "UPDATE deliveries SET status = 'delivered' WHERE kind = 'sms_confirmation'"
    )
    await diary.set_clock(NOW + MINUTE)

    moved = await diary.move(booking, at("15:00"))

    assert moved["deliveries"] == dict.fromkeys(
        ["calendar", "sms_change", "email_change"], "queued"
    )
    assert await diary.deliveries(booking) == {
        ("calendar", 1): "voided",
        ("sms_confirmation", 1): "delivered",
        ("email_confirmation", 1): "voided",
        ("calendar", 2): "queued",
        ("sms_change", 2): "queued",
        ("email_change", 2): "queued",
    }
    due = await diary.owner.fetchval("SELECT min(due_at) FROM deliveries WHERE version = 2")
    assert due == NOW + MINUTE


async def test_a_cancellation_voids_what_waits_and_says_so(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    other = await diary.book(at("12:00"), BOB)
    await diary.move(booking, at("15:00"))

    await diary.cancel(booking)

    voided = [("calendar", 1), ("sms_confirmation", 1), ("calendar", 2), ("sms_change", 2)]
    assert await diary.deliveries(booking) == {
        **dict.fromkeys(voided, "voided"),
        ("calendar", 3): "queued",
        ("sms_cancellation", 3): "queued",
    }
    assert set((await diary.deliveries(other)).values()) == {"queued"}


async def test_nobody_is_told_of_a_past_appointment_that_staff_cancel(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set_clock(at("10:00") + DAY)

    await diary.cancel(booking, **STAFF)

    assert ("sms_cancellation", 2) not in await diary.deliveries(booking)


# Overbooked on purpose


async def test_a_move_over_another_is_staffs_and_has_a_reason(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.book(at("12:00"), BOB)

    for more in (
        {"allow_overlap": True, "overlap_reason": "in pain"},
        {"allow_overlap": True, "source": "staff"},
        {"allow_overlap": True, "overlap_reason": " ", "source": "staff"},
    ):
        assert code(await diary.move(booking, at("12:00"), **more)) == "UNAUTHORIZED"
    assert code(await diary.move(booking, at("12:00"), **OVERBOOK)) is None
    row = await diary.row(booking)
    assert row["overlap_allowed"] is True
    assert json.loads(row["metadata"])["overlap_reason"] == "in pain"

    await diary.move(booking, at("18:00"), **OVERBOOK)
    assert (await diary.row(booking))["overlap_allowed"] is False


async def test_where_it_is_alone_it_has_no_reason_to_overlap(diary: Diary) -> None:
    await diary.book(at("12:00"), BOB)
    booking = await diary.book(at("12:00"), **OVERBOOK)

    await diary.move(booking, at("18:00"))

    assert "overlap_reason" not in json.loads((await diary.row(booking))["metadata"])


@pytest.mark.parametrize("leave", ["cancel", "move", "no_show", "completed"])
async def test_the_flag_goes_with_what_was_overlapped(diary: Diary, leave: str) -> None:
    below = await diary.book(at("10:00"))
    over = await diary.book(at("10:30"), BOB, **OVERBOOK)
    beyond = await diary.book(at("11:00"), EVE, **OVERBOOK)  # over the second alone
    assert (await diary.row(over))["overlap_allowed"] is True
    await diary.set_clock(at("10:00"))

    if leave == "cancel":
        await diary.cancel(below, **STAFF)
    elif leave == "move":
        await diary.move(below, at("18:00"), **STAFF)
    else:
        await diary.mark(below, leave)

    assert (await diary.row(over))["overlap_allowed"] is False
    assert (await diary.row(beyond))["overlap_allowed"] is True
    with pytest.raises(asyncpg.ExclusionViolationError):
        await diary.database.appointment(
            diary.org_id, diary.org_id, scheduled_at=at("11:15"), ends_at=at("11:20")
        )
    await diary.cancel(over, **STAFF)
    assert (await diary.row(beyond))["overlap_allowed"] is False


async def test_the_flag_stays_while_anything_else_is_overlapped(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    below = await diary.book(at("10:00"), practitioner_id=grey)
    await diary.book(at("10:00"), EVE, practitioner_id=shaw, room_id=room)
    over = await diary.book(at("10:00"), BOB, practitioner_id=grey, room_id=room, **OVERBOOK)
    both = [
        await diary.book(at("10:30"), who, practitioner_id=grey, **OVERBOOK) for who in (ANN, EVE)
    ]

    await diary.cancel(below)

    assert (await diary.row(over))["overlap_allowed"] is True  # the room is taken
    flags = [(await diary.row(one))["overlap_allowed"] for one in both]
    assert sorted(flags) == [False, True]  # they are in each other's way


async def test_the_flag_goes_when_the_room_is_left(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    room = await diary.room()
    below = await diary.book(at("10:00"), practitioner_id=grey, room_id=room)
    over = await diary.book(at("10:00"), BOB, practitioner_id=shaw, room_id=room, **OVERBOOK)

    await diary.cancel(below)

    assert (await diary.row(over))["overlap_allowed"] is False
    assert (await diary.row(over))["updated_at"] - NOW < timedelta(seconds=1)
    assert code(await diary.book(at("10:30"), ANN, practitioner_id=grey, room_id=room)) == TAKEN

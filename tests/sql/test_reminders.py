"""Patients are reminded: at their times, once, of what still holds."""

import asyncio
import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.concurrency.sessions import WAIT_SECONDS_MAX, begin, wait_until_waiting
from tests.database import Booking
from tests.sql.diary import ANN, BOB, DAY, MINUTE, MONDAY, Diary, at

HOUR = timedelta(hours=1)
WEDNESDAY = MONDAY + 2 * DAY
DAY_AHEAD, SOON = "sms_reminder_24h", "sms_reminder_2h"
# Booked on Monday at 08:00 for Wednesday at 10:00.
START = at("10:00", WEDNESDAY)


async def remind(diary: Diary) -> int:
    async with asyncio.timeout(WAIT_SECONDS_MAX):  # it never waits for anybody
        return await diary.number("queue_reminders")


async def reminders(diary: Diary, booking: Booking) -> dict[tuple[str, int], str]:
    found = await diary.deliveries(booking)
    return {key: status for key, status in found.items() if "reminder" in key[0]}


async def due(diary: Diary) -> list[UUID]:
    answer = await diary.api.fetchval("SELECT organizations_with_due_reminders(100)")
    return [UUID(org_id) for org_id in json.loads(answer)]


async def test_a_day_and_two_hours_before(diary: Diary) -> None:
    booked = await diary.book(START)
    for moment, kinds in (
        (START - 24 * HOUR - MINUTE, set()),
        (START - 24 * HOUR, {DAY_AHEAD}),
        (START - 2 * HOUR - MINUTE, {DAY_AHEAD}),
        (START - 2 * HOUR, {DAY_AHEAD, SOON}),
        (START + MINUTE, {DAY_AHEAD, SOON}),
    ):
        await diary.set_clock(moment)
        news = {(kind, 1) for kind in kinds} - (await reminders(diary, booked)).keys()
        assert await due(diary) == ([diary.org_id] if news else [])
        assert await remind(diary) == len(news)
        assert await remind(diary) == 0
        assert {kind for kind, _ in await reminders(diary, booked)} == kinds


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        (START - 12 * HOUR - MINUTE, DAY_AHEAD),
        (START - 12 * HOUR, None),  # half of its time has passed
        (START - HOUR - MINUTE, SOON),
        (START - HOUR, None),
        (START, None),
    ],
)
async def test_none_that_is_too_late(diary: Diary, moment: datetime, kind: str | None) -> None:
    """Such as when no worker ran."""
    booked = await diary.book(START)
    await diary.set_clock(moment)
    await remind(diary)
    assert set(await reminders(diary, booked)) == ({(kind, 1)} if kind else set())


async def test_one_that_waits_too_long_lapses(diary: Diary) -> None:
    await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    await remind(diary)
    lapses = await diary.owner.fetchval(
        "SELECT lapses_at FROM deliveries WHERE kind = $1", DAY_AHEAD
    )
    assert lapses == START - 12 * HOUR


async def test_the_next_reminder_ends_the_time_of_the_one_before(diary: Diary) -> None:
    await diary.set(reminder_hours=[24, 20])
    booked = await diary.book(START)
    await diary.set_clock(START - 20 * HOUR)
    await remind(diary)
    assert set(await reminders(diary, booked)) == {("sms_reminder_20h", 1)}


async def test_none_for_a_time_before_it_was_booked(diary: Diary) -> None:
    """Who books for tomorrow needs no reminder of a day ahead."""
    await diary.set_clock(START - 24 * HOUR + MINUTE)
    late = await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    in_time = await diary.book(START + 2 * HOUR, BOB)
    await diary.set_clock(START - 22 * HOUR)
    await remind(diary)
    assert set(await reminders(diary, late)) == set()
    assert set(await reminders(diary, in_time)) == {(DAY_AHEAD, 1)}
    await diary.set_clock(START - 2 * HOUR)
    await remind(diary)
    assert set(await reminders(diary, late)) == {(SOON, 1)}


async def test_a_move_replaces_what_was_due(diary: Diary) -> None:
    booked = await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    await remind(diary)
    await diary.move(booked, START + 2 * DAY)
    assert await reminders(diary, booked) == {(DAY_AHEAD, 1): "voided"}
    await diary.set_clock(START - 2 * HOUR)
    assert await remind(diary) == 0
    await diary.set_clock(START + DAY)
    await remind(diary)
    assert await reminders(diary, booked) == {(DAY_AHEAD, 1): "voided", (DAY_AHEAD, 2): "queued"}


async def test_none_after_a_cancellation(diary: Diary) -> None:
    one, other = await diary.book(START), await diary.book(START + 2 * HOUR, BOB)
    await diary.cancel(one)
    await diary.set_clock(START - 22 * HOUR)
    await remind(diary)
    assert await reminders(diary, one) == {}
    await diary.cancel(other)
    assert await reminders(diary, other) == {(DAY_AHEAD, 1): "voided"}


async def test_none_for_a_hold(diary: Diary) -> None:
    held = await diary.hold(START)
    assert held["success"]
    await diary.owner.execute("UPDATE appointments SET hold_expires_at = $1", START)
    await diary.set_clock(START - 24 * HOUR)
    assert await remind(diary) == 0


async def test_a_clinic_that_wants_none_has_none(diary: Diary) -> None:
    await diary.set(reminder_hours=[])
    await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    assert (await due(diary), await remind(diary)) == ([], 0)


async def test_each_clinic_has_its_own(diary: Diary) -> None:
    other = await diary.database.organization(name="Elsewhere", reminder_hours=[30, 1])
    theirs = await diary.database.book(diary.api, other, scheduled_at=START + DAY)
    ours = await diary.book(START + DAY, ANN)
    await diary.set_clock(START - 6 * HOUR)
    assert await due(diary) == [other]
    assert await remind(diary) == 0
    await diary.set_clock(START)
    assert set(await due(diary)) == {diary.org_id, other}
    assert await remind(diary) == 1
    assert await diary.api.fetchval("SELECT queue_reminders($1)", other) == 1
    assert await due(diary) == []
    assert set(await reminders(diary, ours)) == {(DAY_AHEAD, 1)}
    assert set(await reminders(diary, theirs)) == {("sms_reminder_30h", 1)}


# While somebody changes the appointment


async def test_none_for_what_is_being_cancelled(diary: Diary) -> None:
    booked = await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    desk = await diary.database.connect_api()
    async with begin(desk):
        await diary.database.call(
            desk, "cancel_appointment", diary.org_id, appointment_id=UUID(booked["appointment_id"])
        )
        assert await remind(diary) == 0
    assert await remind(diary) == 0
    assert await reminders(diary, booked) == {}


async def test_a_cancellation_finds_the_reminder_that_is_being_made(diary: Diary) -> None:
    booked = await diary.book(START)
    await diary.set_clock(START - 24 * HOUR)
    worker = await diary.database.connect_api()
    made = begin(worker)
    await made.start()
    assert await worker.fetchval("SELECT queue_reminders($1)", diary.org_id) == 1
    cancelling = asyncio.create_task(diary.cancel(booked))
    await wait_until_waiting(diary.owner, diary.api)
    await made.commit()
    assert (await cancelling)["success"]
    assert await reminders(diary, booked) == {(DAY_AHEAD, 1): "voided"}

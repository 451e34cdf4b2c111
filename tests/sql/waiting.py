"""A clinic of two times a week, and those who wait for one of them."""

from datetime import datetime, timedelta
from uuid import UUID

from tests.database import Booking, Database
from tests.sql.diary import MINUTE, NOW, Caller, Diary, at, open_clinic

SOMEBODY = Caller("Sam Quill", "+442079460999")
OFFER = timedelta(minutes=30)


async def open_mornings(database: Database, **columns: object) -> Diary:
    """Open on Tuesdays for one appointment from 09:00 and one from 10:00."""
    diary = await open_clinic(database, **columns)
    await diary.hours("09:00-11:00")
    return diary


async def line_up(diary: Diary, *callers: Caller, **wish: object) -> list[Booking]:
    """One wish each, a minute apart, the last of them now."""
    entries = []
    for n, caller in enumerate(callers, 1):
        entry = await diary.join(caller, **wish)
        await diary.owner.execute(
            "UPDATE waitlist SET created_at = $2 WHERE id = $1",
            UUID(entry["waitlist_id"]),
            NOW - (len(callers) - n) * MINUTE,
        )
        entries.append(entry)
    return entries


async def free_up(diary: Diary, **more: object) -> Booking:
    """Somebody cancels 10:00; 09:00 is taken. Answers the cancellation."""
    booking = await diary.book(at("10:00"), SOMEBODY, **more)
    await diary.book(at("09:00"), SOMEBODY, **more)
    return await diary.cancel(booking)


async def state(diary: Diary, entry: Booking) -> str:
    found: str = await diary.owner.fetchval(
        "SELECT status FROM waitlist WHERE id = $1", UUID(entry["waitlist_id"])
    )
    return found


async def states(diary: Diary, *entries: Booking) -> list[str]:
    return [await state(diary, entry) for entry in entries]


async def offer_of(diary: Diary, entry: Booking) -> Booking:
    """The hold that is offered, as the functions name it."""
    held = await diary.owner.fetchval(
        "SELECT held_appointment_id FROM waitlist WHERE id = $1", UUID(entry["waitlist_id"])
    )
    assert held is not None
    return {"hold_id": str(held)}


async def offered_start(diary: Diary, entry: Booking) -> datetime:
    start: datetime = (await diary.row(await offer_of(diary, entry)))["scheduled_at"]
    return start

"""Everything that can be on a lead's timeline, and its pages. No test in here."""

from datetime import datetime, timedelta
from uuid import UUID

from tests.database import Booking
from tests.sql.diary import NOW, Caller, Diary, at, code

MINUTE = timedelta(minutes=1)


async def pages(diary: Diary, lead_id: UUID, limit: int) -> list[Booking]:
    """The whole timeline, so many at a time."""
    items: list[Booking] = []
    before: dict[str, object] = {}
    while True:
        page = await diary.call("lead_timeline", lead_id=lead_id, limit=limit, **before)
        assert code(page) is None
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["before_at"] is None:
            return items
        before = {
            "before_at": datetime.fromisoformat(page["before_at"]),
            "before_key": page["before_key"],
        }


async def timeline(diary: Diary, lead_id: UUID) -> list[Booking]:
    """Oldest first, for reading."""
    return list(reversed(await pages(diary, lead_id, 200)))


async def kinds(diary: Diary, lead_id: UUID) -> list[str]:
    return [item["kind"] for item in await timeline(diary, lead_id)]


async def write(diary: Diary, statement: str, *arguments: object) -> None:
    await diary.owner.execute(statement, diary.org_id, *arguments)


async def a_full_life(
    diary: Diary, caller: Caller, moment: datetime = NOW, freed: str = "18:00"
) -> UUID:
    """One of each kind, all at that moment; the lead's id. `freed`: when they're offered a time."""
    await diary.set_clock(moment)
    booked = await diary.book(at("09:00"), caller, call_id=f"c-{caller.name}")
    assert booked["success"], booked
    lead_id = UUID(booked["contact_id"])
    await diary.move(booked, at("11:00"), source="staff")
    await diary.call(
        "confirm_by_patient", appointment_id=UUID(booked["appointment_id"]), source="link"
    )
    wish = await diary.join(caller, date_from=at("09:00").date())
    assert wish["success"], wish
    await diary.cancel(booked, source="staff")
    await diary.cancel(await diary.book(at(freed), Caller("Gone Again", "+442079460999")))
    await write(
        diary,
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, ended_at, summary) "
        "VALUES ($1, $2, $3, $4, $5, $5::timestamptz + interval '134 seconds', 'Asked')",
        f"c-{caller.name}",
        lead_id,
        caller.phone,
        moment,
    )
    await write(
        diary,
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, created_at) "
        "VALUES ($1, 'in', '+442079460000', $2, 'Hi there', $3)",
        caller.phone,
        moment,
    )
    await write(
        diary,
        "WITH text AS ("
        "  INSERT INTO texts (org_id, direction, our_number, their_number, body, kind, version, "
        "    created_at) "
        "  VALUES ($1, 'out', '+442079460000', $2, 'Call us', 'sms_reply', 1, $3) RETURNING id) "
        "INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at, created_at) "
        "SELECT $1, id, 'sms_reply', 1, 'sent', $3, $3 FROM text",
        caller.phone,
        moment,
    )
    await diary.call("take_message", body="Call me", caller_phone=caller.phone, name=caller.name)
    await diary.call("save_consent", phone=caller.phone, kind="opt_in", source="staff")
    await diary.call("add_note", lead_id=lead_id, body="Nice", staff_id=None, author="Front desk")
    await diary.call("save_lead", lead_id=lead_id, changes='{"email": "a@b.example"}')
    return lead_id

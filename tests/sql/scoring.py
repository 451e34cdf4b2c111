"""Leads and what is known of them, as scores read it. No test in here."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.database import HOUR, Booking
from tests.sql.diary import ANN, DAY, NOW, Caller, Diary, at, code
from voxanne.outbox.scores import score_leads

LATER = at("10:00")
LONG_AGO = NOW - 400 * DAY


async def weights(diary: Diary) -> dict[str, Any]:
    found: dict[str, Any] = (await diary.call("score_weights"))["weights"]
    return found


async def lead(diary: Diary, caller: Caller = ANN, **columns: object) -> UUID:
    """Somebody who was first seen long ago, and whom nothing else is known of."""
    row = {"phone": caller.phone, "created_at": LONG_AGO, "updated_at": LONG_AGO, **columns}
    names = ", ".join(row)
    places = ", ".join(f"${n}" for n in range(3, len(row) + 3))
    made: UUID = await diary.owner.fetchval(
        f"INSERT INTO leads (org_id, name, person, {names}) "
        f"VALUES ($1, $2, person_key($2), {places}) RETURNING id",
        diary.org_id,
        caller.name,
        *row.values(),
    )
    return made


async def insert(diary: Diary, table: str, **columns: object) -> None:
    row = {"org_id": diary.org_id, **columns}
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await diary.owner.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values()
    )


async def visit(diary: Diary, lead_id: UUID, status: str, days_ago: float, **more: object) -> UUID:
    """An appointment as history has it."""
    start = NOW - timedelta(days=days_ago)
    made: UUID = await diary.database.appointment(
        diary.org_id,
        await diary.practitioner(f"Dr {uuid4().hex[:6]}"),
        contact_id=lead_id,
        status=status,
        scheduled_at=start,
        ends_at=start + HOUR,
        blocked_from=start,
        blocked_until=start + HOUR,
        **{"created_at": start - DAY, "service_type": "checkup", **more},
    )
    return made


async def call(diary: Diary, lead_id: UUID | None, days_ago: float = 1, **more: object) -> str:
    call_id = f"call-{uuid4().hex[:8]}"
    started = NOW - timedelta(days=days_ago)
    await insert(diary, "calls", call_id=call_id, lead_id=lead_id, started_at=started, **more)
    return call_id


async def score(diary: Diary, lead_id: UUID) -> Booking:
    scored = await diary.call("score_lead", lead_id=lead_id)
    assert code(scored) is None, scored
    return scored


async def reasons(diary: Diary, lead_id: UUID) -> dict[str, int]:
    """Reason → points, of what was stored."""
    await score(diary, lead_id)
    stored = await diary.owner.fetchval(
        "SELECT reasons FROM lead_scores WHERE org_id = $1 AND lead_id = $2", diary.org_id, lead_id
    )
    return {reason["reason"]: reason["points"] for reason in json.loads(stored)}


async def set_weights(diary: Diary, **changes: Any) -> Booking:
    wanted = await weights(diary)
    wanted["weights"] |= changes.pop("weights", {})
    return await diary.call("set_score_weights", weights=json.dumps(wanted | changes))


async def stored(diary: Diary) -> dict[UUID, int]:
    rows = await diary.owner.fetch("SELECT lead_id, score FROM lead_scores")
    return {row["lead_id"]: row["score"] for row in rows}


class Worker:
    """A worker's way to the database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch_value(self, query: str, *arguments: object) -> object:
        return await self.connection.fetchval(query, *arguments)


async def round_(diary: Diary, worker: Worker) -> int:
    """What a worker does every few seconds, once nothing before it is still open."""
    await diary.database.others_are_done()
    return await score_leads(worker)

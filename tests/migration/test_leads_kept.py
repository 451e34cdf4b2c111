"""Going back before merges, notes and scores, and on again, keeps every person and appointment."""

from uuid import UUID

import asyncpg
import pytest

from tests.database import Database
from voxanne.postgres.migrate import migrate_down, migrate_up

PEOPLE = "SELECT id, name, phone, version FROM leads ORDER BY id"
APPOINTMENTS = "SELECT id, contact_id, metadata FROM appointments ORDER BY id"


@pytest.fixture
async def owner(empty_database: Database) -> asyncpg.Connection:
    return await empty_database.connect_owner()


async def test_down_and_up_with_merges_splits_and_notes(
    empty_database: Database, owner: asyncpg.Connection
) -> None:
    await migrate_up(owner)
    clinic = await empty_database.organization()
    api = await empty_database.connect_api()
    booked = [
        await empty_database.book(
            api, clinic, patient_name=name, patient_phone=f"+4420794600{n}0", service_type=name
        )
        for n, name in enumerate(("Ann", "Bob"), 1)
        if await empty_database.practitioner(clinic, name=f"Dr {name}")
    ]
    ann, bob = (UUID(each["contact_id"]) for each in booked)

    async def call(function: str, **given: object) -> None:
        answer = await empty_database.call(api, function, clinic, **given)
        assert answer["success"], answer

    await call("add_note", lead_id=ann, body="Nice", staff_id=None, author="Desk")
    await call("merge_leads", lead_id=ann, other_id=bob, staff_id=None)
    appointments = [UUID(booked[1]["appointment_id"])]
    await call("split_lead", lead_id=ann, name="Eve", appointments=appointments, staff_id=None)
    await call("score_lead", lead_id=ann)
    people, diary = await owner.fetch(PEOPLE), await owner.fetch(APPOINTMENTS)
    assert len(people) == 3

    await migrate_down(owner, 8)
    assert await owner.fetch(PEOPLE) == people
    assert await owner.fetch(APPOINTMENTS) == diary

    await migrate_up(owner)
    assert await owner.fetch(PEOPLE) == people
    for table in ("notes", "lead_changes", "lead_scores"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await owner.fetchval("SELECT count(merged_into) FROM leads") == 0
    await call("merge_leads", lead_id=ann, other_id=bob, staff_id=None)

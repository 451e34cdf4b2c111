"""Going back before the outbox, and on again, keeps every delivery the older schema can hold."""

from uuid import UUID

import asyncpg
import pytest

from tests.database import Database
from voxanne.postgres.migrate import migrate_down, migrate_up

KINDS = {
    "calendar": "delivered",
    "sms_confirmation": "sent",
    "email_confirmation": "failed",
    "sms_change": "voided",
    "sms_reminder_24h": "delivered",
    "alert": "queued",
    "webhook": "delivered",
}
KEPT = {
    "calendar": "delivered",
    "sms_confirmation": "delivered",
    "email_confirmation": "failed",
    "sms_change": "voided",
    "sms_reminder_24h": "delivered",  # on the way up nobody is reminded twice
}


@pytest.fixture
async def owner(empty_database: Database) -> asyncpg.Connection:
    return await empty_database.connect_owner()


async def test_down_and_up_with_deliveries_in_every_state(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    clinic = await owner.fetchval("INSERT INTO organizations (name) VALUES ('A') RETURNING id")
    for kind, status in KINDS.items():
        await owner.execute(
            "INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at) "
            "VALUES ($1, $2, $3, 1, $4, now())",
            clinic,
            UUID(int=7),
            kind,
            status,
        )

    await migrate_down(owner, 2)
    rows = await owner.fetch(
        "SELECT kind, status FROM deliveries WHERE appointment_id = $1", UUID(int=7)
    )
    assert {row["kind"]: row["status"] for row in rows} == KEPT

    await migrate_up(owner)
    rows = await owner.fetch(
        "SELECT kind, status, channel FROM deliveries WHERE subject_id = $1", UUID(int=7)
    )
    assert {row["kind"]: row["status"] for row in rows} == KEPT
    assert {row["channel"] for row in rows} == {"calendar", "sms", "email"}

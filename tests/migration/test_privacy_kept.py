"""Back from privacy and forth again, with rows in everything it added."""

from uuid import uuid4

import asyncpg

from tests.database import Database
from voxanne.postgres.migrate import migrate_down, migrate_up


async def test_calls_and_consents_survive_without_what_privacy_added(
    empty_database: Database,
) -> None:
    owner = await empty_database.connect_owner()
    await migrate_up(owner)
    org_id = await empty_database.organization(call_retention_days=30, person_retention_days=400)
    await fill(owner, org_id)

    await migrate_down(owner, 9)

    assert await owner.fetchval("SELECT transcript FROM calls") == "said"
    # A hash without its key says nothing to anybody.
    assert [row["phone"] for row in await owner.fetch("SELECT phone FROM consents")] == ["+4420"]
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = $1"
    for gone in ("stripped_at", "call_retention_days", "person_retention_days"):
        assert await owner.fetchval(columns, gone) == 0
    assert await owner.fetchval("SELECT to_regclass('erasures')") is None

    await migrate_up(owner)

    assert await owner.fetchval("SELECT call_retention_days FROM organizations") == 365
    assert await owner.fetchval("SELECT stripped_at FROM calls") is None


async def fill(owner: asyncpg.Connection, org_id: object) -> None:
    for statement in (
        (
            "INSERT INTO calls (org_id, call_id, started_at, transcript, stripped_at) "
            "VALUES ($1, 'c', now(), 'said', now())"
        ),
        "INSERT INTO voice_messages (org_id, call_id, type, payload) VALUES ($1, 'c', 't', '{}')",
        "INSERT INTO suppression_keys VALUES ($1, sha256('key'))",
        (
            "INSERT INTO consents (org_id, phone, kind, source) "
            "VALUES ($1, '+4420', 'opt_out', 'text'), ($1, 'erased:00', 'opt_out', 'text')"
        ),
    ):
        await owner.execute(statement, org_id)
    await owner.execute(
        "INSERT INTO erasures (org_id, lead_id, actor, counts) VALUES ($1, $2, 'a', '{}')",
        org_id,
        uuid4(),
    )

"""Calls: down and up again with rows in the table; the raw messages stay."""

import asyncpg
import pytest

from tests.database import Database
from voxanne.postgres.migrate import migrate_down, migrate_up

BEFORE_CALLS = 7


@pytest.fixture
async def owner(empty_database: Database) -> asyncpg.Connection:
    return await empty_database.connect_owner()


async def record(owner: asyncpg.Connection, clinic: object) -> None:
    await owner.execute(
        "SELECT record_voice_message($1, 'c', 'end-of-call-report', '{}', NULL, "
        """'{"caller": "+442079460958", "transcript": "AI: Hello."}')""",
        clinic,
    )


async def test_down_and_up_with_calls(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    clinic = await owner.fetchval("INSERT INTO organizations (name) VALUES ('A') RETURNING id")
    await record(owner, clinic)
    assert await owner.fetchval("SELECT transcript FROM calls") == "AI: Hello."

    await migrate_down(owner, BEFORE_CALLS)
    assert await owner.fetchval("SELECT to_regclass('calls')") is None
    assert await owner.fetchval("SELECT count(*) FROM voice_messages") == 1

    await migrate_up(owner)
    assert await owner.fetchval("SELECT count(*) FROM calls") == 0
    await owner.execute("DELETE FROM voice_messages")
    await record(owner, clinic)
    assert await owner.fetchval("SELECT promise FROM calls") == "unchecked"

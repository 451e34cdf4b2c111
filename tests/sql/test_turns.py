"""A worker asks whose turn it is, so many organizations at a time: none is always the last."""

import json
from uuid import UUID

import asyncpg
import pytest

from tests.database import Database
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of

CLINICS = 4
ASKED = 200  # a quarter of the turns each: that one gets none has a chance of 1 in 10^24

LAPSED_HOLDS = """
INSERT INTO appointments (
  org_id, practitioner_id, service_type, scheduled_at, ends_at, status, hold_expires_at)
SELECT org_id, id, 'visit', now() + interval '1 day', now() + interval '25 hours', 'held',
  now() - interval '1 hour'
FROM practitioners
"""
REMINDERS = """
INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at, updated_at)
SELECT org_id, id, 'visit', now() + interval '20 hours', now() + interval '21 hours',
  now() - interval '5 days'
FROM practitioners
"""
OLD_MESSAGES = """
INSERT INTO webhooks (org_id, url, encrypted_secret, status)
SELECT id, 'https://hooks.example/', 'sealed', 'removed' FROM organizations
"""
DELIVERIES = """
INSERT INTO deliveries (org_id, subject_id, kind, version, due_at)
SELECT id, gen_random_uuid(), 'sms_confirmation', 1, now() FROM organizations
"""


@pytest.fixture
async def owner(database: Database) -> asyncpg.Connection:
    """Clinics whose ids lie evenly apart, so that whoever begins anywhere finds each as often."""
    session = await database.owner()
    for number in range(CLINICS):
        clinic = UUID(int=(2 * number + 1) * 2**127 // CLINICS)
        await session.execute(
            "INSERT INTO organizations (id, name, country) VALUES ($1, 'Clinic', 'GB')", clinic
        )
        await session.execute(
            "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Grey')", clinic
        )
    return session


@pytest.mark.parametrize(
    ("seed", "query"),
    [
        (LAPSED_HOLDS, "SELECT organizations_with_lapsed_holds(1)"),
        (REMINDERS, "SELECT organizations_with_due_reminders(1)"),
        (DELIVERIES, "SELECT organizations_with_due_deliveries('sms', 1)"),
        (OLD_MESSAGES, "SELECT organizations_with_old_webhook_messages(1)"),
    ],
    ids=["lapsed holds", "reminders", "deliveries", "old webhook messages"],
)
async def test_each_has_its_turn(owner: asyncpg.Connection, seed: str, query: str) -> None:
    await owner.execute(seed)
    named = [json.loads(await owner.fetchval(query)) for _ in range(ASKED)]
    assert {len(found) for found in named} == {1}
    assert len({found[0] for found in named}) == CLINICS


async def test_all_are_named_once_where_there_is_room(owner: asyncpg.Connection) -> None:
    await owner.execute(REMINDERS)
    found = json.loads(await owner.fetchval("SELECT organizations_with_due_reminders(100)"))
    assert len(found) == len(set(found)) == CLINICS


async def test_reminders_read_what_is_due_and_not_what_is_booked(
    database: Database, owner: asyncpg.Connection
) -> None:
    """However full the weeks ahead are."""
    await owner.execute(
        "INSERT INTO appointments ("
        "  org_id, practitioner_id, service_type, scheduled_at, ends_at, updated_at) "
        "SELECT org_id, id, 'visit', now() + n * interval '10 hours', "
        "  now() + n * interval '10 hours' + interval '1 hour', now() - interval '5 days' "
        "FROM practitioners, generate_series(10, 300) AS n"
    )
    session = await database.connect_superuser()
    await session.execute(EXPLAIN_EVERYTHING)
    await session.execute("SET auto_explain.log_analyze = on")
    plans = await plans_of(session, "SELECT organizations_with_due_reminders(100)")
    reads = [
        node
        for plan in plans.values()
        for node in nodes(plan)
        if node.get("Relation Name") == "appointments"
    ]
    assert reads
    assert sum(node["Actual Rows"] for node in reads) == 0
    assert sum(node.get("Rows Removed by Filter", 0) for node in reads) == 0

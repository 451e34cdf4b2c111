"""The queries of a worker use their indexes, however long the queue."""

import json
from typing import Any

import asyncpg
import pytest

from tests.database import Database
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of

# A clinic with much that is done, much that waits for its next try, much parked, and a little due.
MANY = """
INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at, created_at)
SELECT $1, gen_random_uuid(), 'sms_confirmation', 1,
  CASE WHEN n <= 20000 THEN 'sent' ELSE 'queued' END,
  CASE WHEN n <= 20000 THEN now() WHEN n <= 25000 THEN now() + interval '1 hour'
       WHEN n <= 30000 THEN 'infinity' ELSE now() END, now()
FROM generate_series(1, 30100) AS n
"""


@pytest.fixture(params=["analyzed", "never analyzed"])
async def explained(database: Database, request: pytest.FixtureRequest) -> asyncpg.Connection:
    """As a queue grows behind a vendor's back, it may be long before anything is analyzed."""
    org_id = await database.organization()
    owner = await database.owner()
    await owner.execute(MANY, org_id)
    if request.param == "analyzed":
        await owner.execute("VACUUM ANALYZE deliveries")
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    return superuser


def scans(plans: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node
        for plan in plans.values()
        for node in nodes(plan)
        if node.get("Relation Name") == "deliveries" and "Scan" in node["Node Type"]
    ]


async def test_a_claim_reads_what_it_takes_and_no_more(explained: asyncpg.Connection) -> None:
    query = "SELECT claim_deliveries('sms', 32, 8, 60)"
    await explained.execute("SET auto_explain.log_analyze = on")
    plans = await plans_of(explained, query)
    read = scans(plans)
    assert read
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Index Only Scan"}
    most = max(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in read
    )
    assert most <= 100, [(node["Index Name"], node["Index Cond"]) for node in read]


async def test_a_look_passes_over_what_waits_inside_the_index(
    explained: asyncpg.Connection,
) -> None:
    """For later, or in other channels: with ten thousand clinics a probe for each would be most of
    what a worker does.
    """
    plans = await plans_of(explained, "SELECT organizations_with_due_deliveries('email', 32)")
    read = scans(plans)
    assert {node["Index Name"] for node in read} == {"deliveries_due"}
    for node in read:
        assert all(
            column in node["Index Cond"] for column in ("org_id >", "channel =", "due_at <=")
        )


async def test_settling_finds_its_row_by_its_key(explained: asyncpg.Connection) -> None:
    claimed = json.loads(
        await explained.fetchval("SELECT claim_deliveries('sms', 1, 8, 60) -> 0 -> 'deliveries'")
    )
    org_id = await explained.fetchval("SELECT id FROM organizations")
    plans = await plans_of(
        explained,
        "SELECT finish_delivery($1, $2, 'sms_confirmation', 1, 1, 'queued')",
        org_id,
        claimed[0]["subject_id"],
    )
    assert {node["Index Name"] for node in scans(plans)} == {"deliveries_pkey"}


async def test_a_change_finds_what_waits_by_its_subject(explained: asyncpg.Connection) -> None:
    await explained.execute(
        "INSERT INTO practitioners (org_id, name) SELECT id, 'Dr Grey' FROM organizations"
    )
    await explained.execute(
        "INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at, "
        "  blocked_from, blocked_until, version) "
        "SELECT org_id, id, 'visit', now() + interval '1 day', now() + interval '2 days', "
        "  now() + interval '1 day', now() + interval '2 days', 2 FROM practitioners"
    )
    query = "SELECT requeue_deliveries(appointments, 'change', now()) FROM appointments"
    plans = await plans_of(explained, query)
    (update,) = [plan for text, plan in plans.items() if text.startswith("UPDATE deliveries")]
    assert {node["Index Name"] for node in scans({"": update})} == {"deliveries_pkey"}

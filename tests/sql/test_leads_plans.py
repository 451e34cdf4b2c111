"""A lead's page and the list read by index alone, however much others have."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Database
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of

# Everything that happens to people, of 2,000 of them; 10,000 appointments.
MANY = """
INSERT INTO practitioners (org_id, name) SELECT $1, 'Dr ' || n FROM generate_series(1, 200) AS n;
INSERT INTO leads (org_id, name, person, phone, created_at)
SELECT $1, 'Pat ' || n, 'pat ' || n, '+44' || 1000000000 + n, now() - n * interval '1 minute'
FROM generate_series(1, 2000) AS n;
INSERT INTO appointments (org_id, practitioner_id, contact_id, service_type, scheduled_at, ends_at,
  call_id)
SELECT $1, practitioner.id, lead.id, 'visit', starts, starts + interval '30 minutes',
  'call-' || lead.id
FROM (SELECT id, row_number() OVER () - 1 AS n FROM practitioners WHERE org_id = $1) AS practitioner
JOIN (SELECT id, row_number() OVER () - 1 AS n FROM leads WHERE org_id = $1) AS lead
  ON lead.n / 10 = practitioner.n
CROSS JOIN generate_series(0, 4) AS day
CROSS JOIN LATERAL (
  SELECT now() + lead.n % 10 * interval '30 minutes' + day * interval '1 day' AS starts) AS t;
INSERT INTO deliveries (org_id, subject_id, kind, version, due_at)
SELECT $1, id, kind, 1, now()
FROM appointments, unnest('{calendar,sms_confirmation}'::text[]) AS kind
WHERE org_id = $1;
INSERT INTO events (org_id, kind, appointment_id, lead_id)
SELECT $1, kind, id, contact_id
FROM appointments, unnest('{booked,moved}'::text[]) AS kind WHERE org_id = $1;
INSERT INTO events (org_id, kind, lead_id)
SELECT $1, 'lead_changed', id FROM leads WHERE org_id = $1;
INSERT INTO texts (org_id, direction, our_number, their_number, body)
SELECT $1, 'in', '+442079460000', phone, 'Hi' FROM leads WHERE org_id = $1;
INSERT INTO texts (org_id, direction, our_number, their_number, body, appointment_id, kind, version)
SELECT $1, 'out', '+442079460000', '+4410', 'Hi', id, 'sms_confirmation', 1
FROM appointments WHERE org_id = $1;
INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at)
SELECT $1, 'call-' || id, CASE WHEN person LIKE '%1' THEN id END, phone, now()
FROM leads WHERE org_id = $1;
INSERT INTO messages (org_id, caller_phone, body)
SELECT $1, phone, 'Hi' FROM leads WHERE org_id = $1;
INSERT INTO consents (org_id, phone, kind, source)
SELECT $1, phone, 'opt_in', 'staff' FROM leads WHERE org_id = $1;
INSERT INTO notes (org_id, lead_id, body, author)
SELECT $1, id, 'Hi', 'me' FROM leads WHERE org_id = $1;
INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to)
SELECT $1, id, 'visit', '2027-01-01', '2027-01-02' FROM leads WHERE org_id = $1;
INSERT INTO waitlist_offers (org_id, waitlist_id, appointment_id, practitioner_id, scheduled_at)
SELECT $1, id, gen_random_uuid(), gen_random_uuid(), now() FROM waitlist WHERE org_id = $1;
INSERT INTO lead_changes (org_id, kind, lead_id, other_id, undone_at)
SELECT $1, 'merge', id, gen_random_uuid(), now() FROM leads WHERE org_id = $1;
INSERT INTO lead_scores SELECT $1, id, 50, 'warm', '[]', now() FROM leads WHERE org_id = $1
"""
QUERIES = {
    "timeline": "SELECT lead_timeline($1, $2)",
    "view": "SELECT lead_view($1, $2)",
    "number": "SELECT search_leads($1, $2, $2)",
    "name": "SELECT search_leads($1, 'pat 1234')",
    "by name": "SELECT search_leads($1, p_order => 'name')",
    "by score": "SELECT search_leads($1, p_order => 'score', p_limit => 10)",
    "upcoming": "SELECT search_leads($1, p_upcoming => true, p_limit => 10)",
}


@pytest.fixture(params=["analyzed", "never analyzed"])
async def busy(database: Database, request: pytest.FixtureRequest) -> tuple[UUID, UUID]:
    """A clinic, and one of its people."""
    org_id = await database.organization()
    owner = await database.owner()
    for statement in MANY.split(";\n"):
        await owner.execute(statement, org_id)
    if request.param == "analyzed":
        await owner.execute("ANALYZE")
    found = await owner.fetchval("SELECT id FROM leads WHERE person = 'pat 1231'")
    assert isinstance(found, UUID)
    return org_id, found


@pytest.fixture
async def explained(database: Database) -> asyncpg.Connection:
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    await superuser.execute("SET auto_explain.log_analyze = on")
    return superuser


def scans(plans: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node
        for plan in plans.values()
        for node in nodes(plan)
        # The clock has one row, and no tenant.
        if node.get("Relation Name", "clock") != "clock" and "Scan" in node["Node Type"]
    ]


def rows_read(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    read: float = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return read


async def test_a_timeline_reads_what_is_its_own_by_index(
    explained: asyncpg.Connection, busy: tuple[UUID, UUID]
) -> None:
    org_id, lead_id = busy
    answer = json.loads(
        await explained.fetchval("SELECT lead_timeline($1, $2, p_limit => 200)", org_id, lead_id)
    )
    told = {item["kind"] for item in answer["items"]}
    assert {"booked", "moved", "delivery", "text_in", "call", "message", "note"} <= told
    assert {"waitlist_joined", "waitlist_offered", "lead_changed", "lead_merged", "opt_in"} <= told
    plans = await plans_of(explained, QUERIES["timeline"], org_id, lead_id)
    read = scans(plans)
    tables = {node["Relation Name"] for node in read}
    assert {"appointments", "events", "deliveries", "texts", "calls", "messages", "notes"} <= tables
    assert not [node for node in read if node["Node Type"] == "Seq Scan"]
    most = max(read, key=rows_read)
    assert rows_read(most) <= 60, (most["Relation Name"], most.get("Index Name"), rows_read(most))


@pytest.mark.parametrize("name", [name for name in QUERIES if name != "timeline"])
async def test_a_list_and_a_page_read_by_index(
    explained: asyncpg.Connection, busy: tuple[UUID, UUID], name: str
) -> None:
    org_id, lead_id = busy
    arguments: list[Any] = [org_id]
    if name == "view":
        arguments.append(lead_id)
    elif name == "number":
        arguments.append("+441000000077")
    plans = await plans_of(explained, QUERIES[name], *arguments)
    read = scans(plans)
    assert read
    assert not [
        (node["Relation Name"], text[:80])
        for text, plan in plans.items()
        for node in scans({text: plan})
        if node["Node Type"] == "Seq Scan"
    ]
    most = max(read, key=rows_read)
    limit = {"view": 60, "number": 10}.get(name, 2500)
    assert rows_read(most) <= limit, (most["Relation Name"], most.get("Index Name"), most)


async def test_whom_a_consents_event_is_about_is_found_by_index(
    database: Database, explained: asyncpg.Connection, busy: tuple[UUID, UUID]
) -> None:
    org_id, _ = busy
    saved = "SELECT save_consent($1, '+441000000077', 'opt_out', 'staff')"
    assert json.loads(await explained.fetchval(saved, org_id))["success"]
    await explained.execute(
        "UPDATE organizations SET rescored_lead = NULL, scored_event = events.id - 1, "
        "scored_transaction = events.transaction_id FROM events WHERE kind = 'text_opt_out'"
    )
    await database.others_are_done()
    plans = await plans_of(explained, "SELECT score_changed_leads($1)", org_id)
    assert await explained.fetchval("SELECT tier FROM lead_scores WHERE score <> 50")
    read = [node for node in scans(plans) if node["Relation Name"] == "consents"]
    assert read
    assert max(map(rows_read, read)) <= 5, read

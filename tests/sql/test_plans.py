"""The queries on the booking path use their indexes, as the functions run them."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import START, Database

# 400 practitioners with 50 appointments each, half an hour apart, each of its own lead.
MANY_PRACTITIONERS = """
INSERT INTO practitioners (org_id, name) SELECT $1, 'Dr ' || n FROM generate_series(1, 400) AS n
"""
MANY_LEADS = """
INSERT INTO leads (org_id, name, person, phone)
SELECT $1, 'P', 'p', '+44' || 1000000000 + n FROM generate_series(1, 20000) AS n
"""
MANY_APPOINTMENTS = """
INSERT INTO appointments (org_id, practitioner_id, contact_id, service_type, scheduled_at, ends_at,
  blocked_from, blocked_until, idempotency_key)
SELECT $1, practitioner.id, lead.id, 'visit', starts, starts + interval '30 minutes',
  starts, starts + interval '30 minutes', 'key-' || lead.n
FROM (SELECT id, row_number() OVER () - 1 AS n FROM practitioners WHERE org_id = $1) AS practitioner
JOIN (SELECT id, row_number() OVER () - 1 AS n FROM leads WHERE org_id = $1) AS lead
  ON lead.n / 50 = practitioner.n
CROSS JOIN LATERAL (SELECT $2::timestamptz + lead.n % 50 * interval '30 minutes' AS starts) AS t
"""
INDEXES = {
    "appointments_idempotency",
    "appointments_of_lead",
    "appointments_overbooked",
    "appointments_pkey",
    "one_appointment_per_practitioner",
    "one_appointment_per_room",
}
EXPLAIN_EVERYTHING = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_format = 'json';
SET auto_explain.log_level = 'notice';
"""


async def plans_of(connection: asyncpg.Connection, query: str, *arguments: Any) -> dict[str, Any]:
    """Text → plan of each statement that the query's functions run."""
    plans: dict[str, Any] = {}

    def listen(_: object, message: Any) -> None:
        _, found, plan = message.message.partition("plan:\n")
        if found:
            parsed = json.loads(plan)
            plans[" ".join(parsed["Query Text"].split())] = parsed["Plan"]

    connection.add_log_listener(listen)
    await connection.fetch(query, *arguments)
    connection.remove_log_listener(listen)
    return plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans_of_appointments(plans: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(statement, node, index) of each read of appointments; a bitmap's index is below its scan."""
    found = []
    for text, plan in plans.items():
        if not re.search("(FROM|JOIN) appointments", text):
            continue
        for node in nodes(plan):
            index = node.get("Index Name", "")
            if index in INDEXES or node.get("Relation Name") == "appointments":
                found.append((text, node["Node Type"], index))
    return found


@pytest.fixture
async def busy_clinic(database: Database) -> UUID:
    org_id = await database.organization()
    owner = await database.owner()
    await owner.execute(MANY_PRACTITIONERS, org_id)
    await owner.execute(MANY_LEADS, org_id)
    await owner.execute(MANY_APPOINTMENTS, org_id, START)
    await owner.execute("ANALYZE")
    return org_id


@pytest.fixture
async def explained(database: Database) -> asyncpg.Connection:
    """A superuser's session; book_appointment_atomic still runs as its owner, behind the walls."""
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    return superuser


BOOK = """
SELECT book_appointment_atomic($1, 'Ann Taylor', NULL, '+442079460958', 'visit', $2, 30,
  p_practitioner_id => $3, p_room_id => $4, p_idempotency_key => 'a new key')
"""


async def booking_plans(
    database: Database, connection: asyncpg.Connection, org_id: UUID, room_id: UUID | None = None
) -> dict[str, Any]:
    practitioner_id = await (await database.owner()).fetchval(
        "SELECT id FROM practitioners WHERE org_id = $1 LIMIT 1", org_id
    )
    moment = START + timedelta(days=3)
    return await plans_of(connection, BOOK, org_id, moment, practitioner_id, room_id)


def conflict_checks(plans: dict[str, Any]) -> set[str]:
    """The indexes that slot_taken's questions use."""
    scans = scans_of_appointments(plans)
    assert not [scan for scan in scans if scan[1] == "Seq Scan"]
    return {index for text, _, index in scans if "bool_or(" in text and index}


async def test_the_conflict_check_uses_the_constraints_index(
    database: Database, busy_clinic: UUID, explained: asyncpg.Connection
) -> None:
    plans = await booking_plans(database, explained, busy_clinic)

    assert conflict_checks(plans) == {"one_appointment_per_practitioner"}
    by_key = [scan for scan in scans_of_appointments(plans) if "idempotency_key =" in scan[0]]
    assert {index for _, _, index in by_key} == {"appointments_idempotency"}


async def test_the_conflict_check_of_a_room_uses_the_constraints_index(
    database: Database, busy_clinic: UUID, explained: asyncpg.Connection
) -> None:
    room_id = await database.room(busy_clinic)

    plans = await booking_plans(database, explained, busy_clinic, room_id)

    assert "appointments_pkey" not in conflict_checks(plans)


async def test_a_repeated_call_is_found_by_index(
    database: Database, busy_clinic: UUID, explained: asyncpg.Connection
) -> None:
    owner = await database.owner()
    lead = await owner.fetchrow("SELECT * FROM leads LIMIT 1")
    assert lead is not None

    plans = await plans_of(
        explained,
        "SELECT * FROM find_booked($1, NULL, NULL, $2, 'p', 'visit', $3, now())",
        busy_clinic,
        lead["phone"],
        START,
    )

    scans = scans_of_appointments(plans)
    assert {index for _, _, index in scans if index} == {"appointments_of_lead"}
    every_node = [node for plan in plans.values() for node in nodes(plan)]
    assert "Seq Scan" not in {node["Node Type"] for node in every_node}
    assert "leads_org_id_phone_person_key" in {node.get("Index Name") for node in every_node}


async def test_the_free_practitioner_is_found_by_index(
    database: Database, busy_clinic: UUID, explained: asyncpg.Connection
) -> None:
    plans = await plans_of(explained, BOOK, busy_clinic, START + timedelta(days=3), None, None)

    ranking = [scan for scan in scans_of_appointments(plans) if "unnest(p_candidates)" in scan[0]]
    assert ranking
    assert "Seq Scan" not in {node for _, node, _ in ranking}


async def test_a_session_that_planned_on_empty_tables_still_uses_the_index(
    database: Database, explained: asyncpg.Connection
) -> None:
    org_id = await database.organization()
    grey = await database.practitioner(org_id)
    for day in range(6):
        await plans_of(explained, BOOK, org_id, START + timedelta(days=day), grey, None)

    plans = await plans_of(explained, BOOK, org_id, START + timedelta(days=9), grey, None)

    assert "Seq Scan" not in {node for _, node, _ in scans_of_appointments(plans)}

"""The search for what must never be there: what it finds, what it leaves alone, what it costs."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Database
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of
from voxanne.outbox.inspection import Inspection

HALF = HOUR / 2
UNGUARDED = """
ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner;
ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_room
"""

# Two thousand appointments, each of its own lead.
PAST = """
WITH lead AS (
  INSERT INTO leads (org_id, name, person, phone)
  SELECT $1, 'P', 'p', '+44' || 1000000000 + n FROM generate_series(1, 2000) AS n
  RETURNING id, right(phone, 4)::integer AS n
)
INSERT INTO appointments (org_id, practitioner_id, contact_id, service_type, scheduled_at, ends_at)
SELECT $1, $2, id, 'visit', starts, starts + interval '10 minutes'
FROM lead CROSS JOIN LATERAL (SELECT $3::timestamptz + n * interval '10 minutes' AS starts) AS t
"""


async def found(api: asyncpg.Connection) -> tuple[int, int]:
    """In all clinics: double bookings, crooked leads."""
    answer = json.loads(await api.fetchval("SELECT inspect_records(NULL, 60000)"))
    assert answer["next"] is None
    return answer["double_bookings"], answer["crooked_leads"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({}, 1),
        ({"status": "held", "hold_expires_at": START}, 1),
        ({"status": "cancelled"}, 0),
        ({"overlap_allowed": True}, 0),  # staff, on purpose
        ({"scheduled_at": START + HOUR, "ends_at": START + 2 * HOUR}, 0),
        # Buffers keep time too.
        (
            {
                "scheduled_at": START + HOUR,
                "ends_at": START + 2 * HOUR,
                "blocked_from": START + HALF,
                "blocked_until": START + 2 * HOUR,
            },
            1,
        ),
    ],
)
async def test_two_appointments_of_one_practitioner(
    database: Database, api: asyncpg.Connection, second: dict[str, Any], expected: int
) -> None:
    org_id = await database.organization()
    practitioner = await database.practitioner(org_id)
    await (await database.owner()).execute(UNGUARDED)
    await database.appointment(org_id, practitioner)
    other = {"scheduled_at": START + HALF, "ends_at": START + HOUR + HALF, **second}
    await database.appointment(org_id, practitioner, **other)
    assert await found(api) == (expected, 0)


async def test_a_room_an_others_appointment_and_the_past(
    database: Database, api: asyncpg.Connection
) -> None:
    """One appointment that overlaps twice over counts once; two clinics are added up."""
    owner = await database.owner()
    await owner.execute(UNGUARDED)
    for _ in range(2):
        org_id = await database.organization()
        first = await database.practitioner(org_id)
        second = await database.practitioner(org_id, name="Dr Shaw")
        room = await database.room(org_id)
        for late, practitioner in enumerate((first, second, second)):
            starts = START + timedelta(minutes=15 * late)
            await database.appointment(
                org_id, practitioner, room_id=room, scheduled_at=starts, ends_at=starts + HOUR
            )
    assert await found(api) == (4, 0)
    await database.set_clock(START + timedelta(days=1))
    assert await found(api) == (0, 0)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, 0),
        ({"name": "JO J."}, 0),  # said "JO j."
        ({"name": "Ann  Taylor"}, 1),
        ({"name": "\u202eAnn"}, 1),
        ({"phone": "020 7946 0958"}, 1),
        ({"email": "Ann@Example.com"}, 1),
        ({"email": "not an address"}, 1),
    ],
)
async def test_a_lead(
    database: Database, api: asyncpg.Connection, columns: dict[str, str], expected: int
) -> None:
    org_id = await database.organization()
    lead = {"name": "Ann Taylor", "phone": "+442079460958", "email": None, **columns}
    await (await database.owner()).execute(
        "INSERT INTO leads (org_id, name, person, phone, email) VALUES ($1, $2, 'ann', $3, $4)",
        org_id,
        lead["name"],
        lead["phone"],
        lead["email"],
    )
    assert await found(api) == (0, expected)


async def test_it_goes_on_where_its_time_was_up(
    database: Database, api: asyncpg.Connection
) -> None:
    clinics = sorted([await database.organization() for _ in range(3)])
    after: UUID | None = None
    for clinic in [*clinics, None]:
        answer = json.loads(await api.fetchval("SELECT inspect_records($1, 0)", after))
        assert answer["next"] == (str(clinic) if clinic else None)
        after = clinic


async def test_it_reads_by_indexes(database: Database) -> None:
    """What was, however much it is, isn't read."""
    org_id = await database.organization()
    owner = await database.owner()
    practitioner = await database.practitioner(org_id)
    await owner.execute(PAST, org_id, practitioner, START)
    await owner.execute("VACUUM ANALYZE appointments")
    await owner.execute("VACUUM ANALYZE leads")
    await database.set_clock(START + timedelta(days=30))
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    await superuser.execute("SET auto_explain.log_analyze = on")
    plans = await plans_of(superuser, "SELECT inspect_records(NULL, 60000)")
    scans = [
        node
        for plan in plans.values()
        for node in nodes(plan)
        if node.get("Relation Name") in ("appointments", "leads")
        or str(node.get("Index Name", "")).startswith("appointments")
    ]
    assert {node.get("Index Name") for node in scans} >= {"appointments_in_time", "leads_in_time"}
    assert "Seq Scan" not in {node["Node Type"] for node in scans}
    read = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans]
    assert max(read) <= 100


class Scripted:
    """Answers of inspect_records, one after the other."""

    def __init__(self, *answers: tuple[int, str | None]) -> None:
        self.answers = list(answers)
        self.after: list[object] = []

    async def fetch_value(self, query: str, *arguments: object) -> object:
        assert "inspect_records" in query
        self.after.append(arguments[0])
        double, following = self.answers.pop(0)
        return json.dumps({"double_bookings": double, "crooked_leads": 0, "next": following})


async def test_what_a_round_found_is_told_until_the_next_has_seen_all() -> None:
    clinic = "a0000000-0000-0000-0000-000000000001"
    database = Scripted((0, clinic), (2, None), (0, clinic), (0, None))
    told: list[tuple[int, bool]] = []
    inspection = Inspection(
        database, lambda found, at: told.append((found["double_bookings"], at is not None))
    )
    assert [await inspection.run() for _ in range(4)] == [0, 2, 2, 0]
    assert told == [(0, False), (2, True), (2, False), (0, True)]
    assert database.after == [None, UUID(clinic), None, UUID(clinic)]

"""What the diary's functions read: their own rows, by index, however much else there is.

Twenty practitioners with 200 appointments each, and as many again of another clinic.
"""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, Database
from tests.sql.diary import ANN, DAY, NOW, Diary, at, open_clinic
from tests.sql.test_plans import nodes, plans_of

PRACTITIONERS = """
INSERT INTO practitioners (org_id, id, name)
SELECT $1, ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Dr ' || n
FROM generate_series(1, 20) AS n
"""
LEADS = """
INSERT INTO leads (org_id, name, person, phone)
SELECT $1, 'P', 'p', '+44' || 1000000000 + n FROM generate_series(1, 4000) AS n
"""
# 200 each, an hour apart, the first at p_from.
APPOINTMENTS = """
INSERT INTO appointments (org_id, practitioner_id, contact_id, service_type, scheduled_at, ends_at)
SELECT $1, practitioner.id, lead.id, 'consultation', starts, starts + interval '30 minutes'
FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM practitioners WHERE org_id = $1)
  AS practitioner
JOIN (SELECT id, row_number() OVER () - 1 AS n FROM leads WHERE org_id = $1) AS lead
  ON lead.n / 200 = practitioner.n
CROSS JOIN LATERAL (SELECT $2::timestamptz + lead.n % 200 * interval '1 hour' AS starts) AS t
"""
# Rows that nobody asked for here would read: lapsed holds of other calls, in other weeks.
LAPSED_HOLDS = """
INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at, status,
  hold_expires_at, call_id)
SELECT $1, id, 'consultation', starts, starts + interval '30 minutes', 'held', $2, 'old-' || n
FROM practitioners
CROSS JOIN LATERAL (
  SELECT n, $3::timestamptz + n * interval '1 hour' AS starts FROM generate_series(1, 50) AS n) AS t
WHERE org_id = $1
"""
WAITING = """
INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to)
SELECT org_id, id, 'consultation', $2::date, $2::date FROM leads WHERE org_id = $1
"""
# With costs and rows, not times.
EXPLAIN_EVERYTHING = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = 'json';
SET auto_explain.log_level = 'notice';
"""
BIG_TABLES = {"appointments", "leads", "events", "deliveries", "waitlist"}
Plans = dict[str, Any]


@pytest.fixture
async def diary(database: Database) -> Diary:
    diary = await open_clinic(database)
    for org_id in (diary.org_id, await database.organization()):
        await diary.owner.execute(PRACTITIONERS, org_id)
        await diary.owner.execute(LEADS, org_id)
        await diary.owner.execute(APPOINTMENTS, org_id, at("00:30"))
        await diary.owner.execute(LAPSED_HOLDS, org_id, NOW - HOUR, at("00:30") + 30 * DAY)
    await diary.owner.execute(WAITING, diary.org_id, at("00:30") + 60 * DAY)
    await diary.owner.execute("ANALYZE")
    return diary


@pytest.fixture
async def explained(diary: Diary) -> asyncpg.Connection:
    superuser = await diary.database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    return superuser


GREY = UUID(int=1)


async def plans_of_call(
    explained: asyncpg.Connection, diary: Diary, function: str, **given: object
) -> Plans:
    named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(given, 2))
    query = f"SELECT {function}(p_org_id => $1{', ' if given else ''}{named})"
    plans = await plans_of(explained, query, diary.org_id, *given.values())
    assert plans
    return plans


def scans(plans: Plans, table: str) -> list[tuple[str, str, int]]:
    """(node, index, rows read) of each read of the table; what a filter removed was read too."""
    found = []
    for plan in plans.values():
        for node in nodes(plan):
            read = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
            read += node.get("Rows Removed by Index Recheck", 0)
            rows = round(read * node.get("Actual Loops", 0))
            index = node.get("Index Name", "")
            if node.get("Relation Name") == table or index.startswith(INDEXES[table]):
                found.append((node["Node Type"], index, rows))
    return found


INDEXES = {
    "appointments": ("appointments_", "one_appointment_"),
    "leads": ("leads_",),
    "events": ("events_",),
    "deliveries": ("deliveries_",),
    "waitlist": ("waitlist_",),
}


def rows_read(plans: Plans, table: str = "appointments") -> int:
    return max((rows for _, _, rows in scans(plans, table)), default=0)


def assert_by_index(plans: Plans) -> None:
    for table in BIG_TABLES:
        assert "Seq Scan" not in {node for node, _, _ in scans(plans, table)}, table


def parts(plans: Plans, *words: str) -> Plans:
    """The statements that contain all these words."""
    found = {text: plan for text, plan in plans.items() if all(word in text for word in words)}
    assert found, list(plans)
    return found


async def test_availability_reads_the_practitioners_own_rows_of_that_time(
    diary: Diary, explained: asyncpg.Connection
) -> None:
    plans = await plans_of_call(
        explained,
        diary,
        "check_availability",
        service_type="consultation",
        practitioner_id=GREY,
        until=at("00:00") + 3 * DAY,
        **{"from": at("00:00")},
    )

    assert_by_index(plans)
    reading = scans(parts(plans, "unnest(p_practitioners)", "blocked && v_reach"), "appointments")
    assert "one_appointment_per_practitioner" in {index for _, index, _ in reading}
    assert max(rows for _, _, rows in reading) <= 3 * 24 + 2
    assert rows_read(plans) <= 3 * 24 + 2


async def test_availability_of_everybody_reads_that_time_and_no_other(
    diary: Diary, explained: asyncpg.Connection
) -> None:
    plans = await plans_of_call(
        explained,
        diary,
        "check_availability",
        service_type="consultation",
        until=at("00:00") + DAY,
        **{"from": at("00:00")},
    )

    assert_by_index(plans)
    assert rows_read(plans) <= 20 * (24 + 2)


async def test_rooms_are_read_by_their_own_index(
    diary: Diary, explained: asyncpg.Connection
) -> None:
    """Dr 2's appointments are all in the room that Dr 1 would need."""
    await diary.service("scan", 30)
    room = await diary.room("scan")
    await diary.owner.execute(
        "UPDATE appointments SET room_id = $2 WHERE org_id = $1 AND practitioner_id = $3",
        diary.org_id,
        room,
        UUID(int=2),
    )

    plans = await plans_of_call(
        explained,
        diary,
        "check_availability",
        service_type="scan",
        practitioner_id=GREY,
        until=at("00:00") + DAY,
        **{"from": at("00:00")},
    )

    assert_by_index(plans)
    assert "one_appointment_per_room" in {index for _, index, _ in scans(plans, "appointments")}
    assert rows_read(plans) <= 24 + 3


async def test_a_refusal_with_alternatives_reads_the_asked_ones_rows_of_some_days(
    diary: Diary, explained: asyncpg.Connection
) -> None:
    plans = await plans_of_call(
        explained,
        diary,
        "book_appointment_atomic",
        patient_name=ANN.name,
        patient_email=None,
        patient_phone=ANN.phone,
        service_type="consultation",
        scheduled_at=at("00:30") + DAY,
        duration_minutes=30,
        practitioner_id=GREY,
        call_id="call-1",
    )

    assert_by_index(plans)
    taken = parts(plans, "bool_or(", "blocked && p_blocked")
    assert {index for _, index, _ in scans(taken, "appointments") if index} <= {
        "one_appointment_per_practitioner",
        "appointments_overbooked",
    }
    assert rows_read(taken) <= 1
    assert parts(plans, "free_starts(")
    assert rows_read(plans) <= 4 * 24 + 2  # two days on either side


@pytest.mark.parametrize("function", ["reschedule_appointment", "cancel_appointment"])
async def test_a_change_reads_its_own_appointment(
    diary: Diary, explained: asyncpg.Connection, function: str
) -> None:
    id_ = await diary.owner.fetchval(
        "SELECT id FROM appointments WHERE org_id = $1 AND practitioner_id = $2 "
        "ORDER BY scheduled_at LIMIT 1",
        diary.org_id,
        GREY,
    )
    there = {"scheduled_at": at("00:30") + 20 * DAY} if "re" in function else {}

    plans = await plans_of_call(explained, diary, function, appointment_id=id_, **there)

    assert_by_index(plans)
    assert rows_read(plans) <= 2
    assert rows_read(plans, "deliveries") <= 3
    assert await diary.owner.fetchval("SELECT version FROM appointments WHERE id = $1", id_) == 2


async def test_a_mark_reads_its_own_appointment(
    diary: Diary, explained: asyncpg.Connection
) -> None:
    await diary.set_clock(at("01:00"))
    id_ = await diary.owner.fetchval(
        "SELECT id FROM appointments WHERE org_id = $1 ORDER BY scheduled_at LIMIT 1", diary.org_id
    )

    plans = await plans_of_call(
        explained, diary, "mark_appointment", appointment_id=id_, status="completed", source="staff"
    )

    assert_by_index(plans)
    assert rows_read(plans) <= 1


async def test_a_caller_is_looked_up_by_index(diary: Diary, explained: asyncpg.Connection) -> None:
    phone = await diary.owner.fetchval("SELECT phone FROM leads WHERE org_id = $1", diary.org_id)

    plans = await plans_of_call(explained, diary, "lookup_caller", phone=phone)

    assert_by_index(plans)
    assert (rows_read(plans), rows_read(plans, "leads")) == (1, 1)
    assert "leads_org_id_phone_person_key" in {index for _, index, _ in scans(plans, "leads")}
    assert {index for _, index, _ in scans(plans, "waitlist") if index} <= {
        "waitlist_of_lead",
        "waitlist_pkey",
    }


async def test_a_wish_is_looked_up_by_index(diary: Diary, explained: asyncpg.Connection) -> None:
    plans = await plans_of_call(
        explained,
        diary,
        "join_waitlist",
        name=ANN.name,
        phone=ANN.phone,
        service_type="consultation",
    )

    assert_by_index(plans)
    assert rows_read(plans, "leads") <= 1


@pytest.mark.parametrize(
    ("function", "more"),
    [
        ("extend_holds", {}),
        ("release_holds", {}),
        ("hold_slot", {"service_type": "x", "scheduled_at": at("00:00") + 2 * DAY}),
    ],
)
async def test_a_calls_holds_are_found_among_those_of_others(
    diary: Diary, explained: asyncpg.Connection, function: str, more: dict[str, object]
) -> None:
    hold = await diary.hold(at("00:00") + DAY, practitioner_id=GREY, duration_minutes=30)
    assert hold["success"] is True

    plans = await plans_of_call(explained, diary, function, call_id="call-1", **more)

    assert_by_index(plans)
    by_call = {text: plan for text, plan in plans.items() if "call_id" in text}
    assert rows_read(by_call) <= 1


async def test_a_session_that_planned_on_empty_tables_still_uses_the_indexes(
    database: Database,
) -> None:
    diary = await open_clinic(database)
    explained = await database.connect_superuser()
    await explained.execute(EXPLAIN_EVERYTHING)
    booking = await diary.book(at("10:00"))
    await diary.owner.execute("ANALYZE")  # so small that reading all of it is cheapest
    plans: Plans = {}
    for n in range(7):
        for function, given in (
            ("hold_slot", {"service_type": "x", "scheduled_at": at("12:00") + n * DAY}),
            ("release_holds", {"call_id": "call-1"}),
            ("lookup_caller", {"phone": ANN.phone}),
            ("join_waitlist", {"service_type": f"x{n % 4}", "name": "Al", "phone": ANN.phone}),
            (
                "reschedule_appointment",
                {
                    "appointment_id": UUID(booking["appointment_id"]),
                    "scheduled_at": at("10:00") + n * DAY,
                },
            ),
            (
                "check_availability",
                {"service_type": "x", "from": at("10:00"), "until": at("18:00")},
            ),
        ):
            plans |= await plans_of_call(explained, diary, function, **given)

    assert_by_index(plans)


def test_rows_are_counted_over_all_loops() -> None:
    plan = json.loads(
        '{"Node Type": "Nested Loop", "Plans": [{"Node Type": "Index Scan", "Actual Rows": 2,'
        '"Index Name": "appointments_pkey", "Rows Removed by Filter": 1, "Actual Loops": 20}]}'
    )

    assert rows_read({"": plan}) == 60

"""Each migration, taken back with rows in all that it added: what the older schema can hold stays.

A new migration needs its entry in WAYS. What isn't said there to be lost must be there afterwards.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Database, book
from tests.sql.wall import tenant
from voxanne.postgres.migrate import (
    load_migrations,
    migrate_down,
    migrate_up,
    schema_is_current,
)

Row = dict[str, Any]
Rows = dict[str, list[Row]]
BOOKKEEPING = {"schema_migrations", "schema_functions"}
ORDINARY = "relnamespace = 'public'::regnamespace AND relkind = 'r'"
UNSENT = ("alert", "webhook", "sms_reply")


@dataclass(frozen=True)
class Way:
    """What going back loses: whole tables, columns by table, and rows of tables that stay.

    `renamed`: table → (newer name, older name) of a column. `becomes`: the older rows of a row.
    """

    tables: set[str]
    columns: dict[str, set[str]] = field(default_factory=dict)
    lost: dict[str, Callable[[Row], bool]] = field(default_factory=dict)
    becomes: dict[str, Callable[[Row], list[Row]]] = field(default_factory=dict)
    renamed: dict[str, tuple[str, str]] = field(default_factory=dict)


def _sent_is_delivered(row: Row) -> list[Row]:
    return [{**row, "status": "delivered" if row["status"] == "sent" else row["status"]}]


def _split_at_midnight(row: Row) -> list[Row]:
    """The part after midnight is a span of the next day's, under a new id."""
    if row["opens"] < row["closes"]:
        return [row]
    rest = {**row, "id": None, "weekday": row["weekday"] % 7 + 1, "opens": "00:00:00"}
    return [{**row, "closes": "24:00:00"}, rest]


WAYS = {
    12: Way(tables=set(), columns={"credentials": {"name"}}),
    11: Way(tables=set()),
    10: Way(
        tables={"erasures", "suppression_keys"},
        columns={
            "organizations": {
                "call_retention_days",
                "text_retention_days",
                "person_retention_days",
                "idle_seen_at",
                "idle_seen_lead",
            },
            "calls": {"stripped_at"},
            "voice_messages": {"unrecorded"},
        },
        # Hashes whose key is gone say nothing to anybody.
        lost={"consents": lambda row: row["phone"].startswith("erased:")},
    ),
    9: Way(
        tables={"notes", "lead_changes", "lead_scores"},
        columns={
            "leads": {"merged_into"},
            "organizations": {
                "score_weights",
                "score_weights_version",
                "scored_transaction",
                "scored_event",
                "rescored_lead",
            },
        },
    ),
    8: Way(tables={"calls"}),
    7: Way(
        tables={
            "audit_log",
            "memberships",
            "sessions",
            "sign_in_attempts",
            "sign_in_links",
            "staff_accounts",
        }
    ),
    6: Way(
        tables={"webhooks", "webhook_messages"},
        columns={"alerts": {"told_with", "told_at"}},
        lost={"deliveries": lambda row: row["kind"] == "webhook"},
    ),
    5: Way(tables={"consents", "texts", "message_templates", "sms_accounts"}),
    4: Way(
        tables={
            "busy_times",
            "calendar_connections",
            "calendar_events",
            "calendar_feeds",
            "oauth_states",
        }
    ),
    3: Way(
        tables={"appointment_links"},
        columns={
            "appointments": {"patient_confirmed_at"},
            "organizations": {
                "phone",
                "email",
                "reminder_hours",
                "quiet_from",
                "quiet_until",
                "alert_urls",
                "calendar_title",
                "calendar_changes",
                "calendar_stale",
                "calendar_stale_minutes",
            },
            "deliveries": {
                "channel",
                "attempts_forgiven",
                "uncertain",
                "lapses_at",
                "external_id",
                "error_code",
                "error",
                "updated_at",
            },
        },
        lost={"deliveries": lambda row: row["kind"].startswith(UNSENT)},
        becomes={"deliveries": _sent_is_delivered},
        renamed={"deliveries": ("subject_id", "appointment_id")},
    ),
    2: Way(
        tables={
            "absences",
            "alerts",
            "breaks",
            "date_exceptions",
            "idempotency_keys",
            "messages",
            "practitioner_services",
            "room_services",
            "waitlist",
            "waitlist_offers",
        },
        columns={
            "leads": {"birth_date", "version"},
            "services": {
                "buffer_before_minutes",
                "buffer_after_minutes",
                "notice_minutes",
                "price_minor_units",
                "currency",
            },
            "organizations": {
                "slot_minutes",
                "hold_seconds",
                "offer_minutes",
                "upcoming_per_caller_max",
                "caller_check",
                "language",
                "address",
                "transfer_number",
                "red_flags",
                "holidays_region",
                "version",
            },
        },
        becomes={"opening_hours": _split_at_midnight},
    ),
    1: Way(
        tables={
            "appointments",
            "clock",
            "credentials",
            "deliveries",
            "events",
            "hmac_keys",
            "leads",
            "opening_hours",
            "organizations",
            "practitioners",
            "rooms",
            "services",
            "voice_lines",
            "voice_messages",
        }
    ),
}
# Values in what a migration added to a table of before; every new table has rows by wall.tenant().
USED = """
UPDATE organizations SET call_retention_days = 30, person_retention_days = 400;
UPDATE organizations SET score_weights_version = 7, reminder_hours = '{48}',
  phone = '+442079460000', calendar_title = 'name', calendar_stale_minutes = 30;
UPDATE organizations SET slot_minutes = 20, caller_check = 'name', language = 'es',
  address = '1 Harbour Road', red_flags = '{chest pain}', version = 9;
UPDATE services SET buffer_before_minutes = 5, price_minor_units = 4500, currency = 'GBP';
UPDATE leads SET birth_date = '1980-02-29', version = 3;
UPDATE leads SET merged_into = (
  SELECT min(other.id::text)::uuid FROM leads AS other
  WHERE other.org_id = leads.org_id AND other.id <> leads.id)
WHERE name LIKE 'Ann%';
UPDATE calls SET stripped_at = now();
UPDATE voice_messages SET unrecorded = true;
UPDATE alerts SET told_with = id, told_at = now();
UPDATE appointments SET patient_confirmed_at = now() WHERE status = 'confirmed';
INSERT INTO consents (org_id, phone, kind, source)
SELECT id, 'erased:00', 'opt_out', 'text' FROM organizations;
UPDATE credentials SET name = 'A program';
INSERT INTO clock VALUES (true, '1 hour');
-- Beyond midnight on a Sunday, into Monday.
INSERT INTO opening_hours (org_id, weekday, opens, closes)
SELECT id, 7, '23:00', '02:00' FROM organizations;
INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at, attempts, external_id,
  error_code, lapses_at)
SELECT organizations.id, gen_random_uuid(), kind, 1, status, now(), 2, 'x', 'y', now()
FROM organizations,
  unnest(ARRAY['calendar', 'sms_confirmation', 'sms_reminder_24h', 'sms_reply', 'email_change',
    'webhook', 'alert']) AS kind,
  unnest(ARRAY['queued', 'sending', 'sent', 'delivered', 'failed', 'voided']) AS status;
"""


@pytest.fixture
async def filled(empty_database: Database) -> asyncpg.Connection:
    owner = await empty_database.connect_owner()
    await migrate_up(owner)
    for name in ("Here", "Elsewhere"):
        await tenant(empty_database, name)
    await owner.execute(USED)
    return owner


async def all_rows(connection: asyncpg.Connection) -> Rows:
    tables = await connection.fetch(f"SELECT relname FROM pg_class WHERE {ORDINARY}")
    return {
        table: [
            json.loads(row[0])
            for row in await connection.fetch(f"SELECT row_to_json(t)::text FROM {table} AS t")
        ]
        for table in {row["relname"] for row in tables} - BOOKKEEPING
    }


async def columns(connection: asyncpg.Connection) -> dict[str, set[str]]:
    rows = await connection.fetch(
        "SELECT relname, array_agg(attname::text) AS names FROM pg_class "
        f"JOIN pg_attribute ON attrelid = pg_class.oid WHERE {ORDINARY} "
        "AND attnum > 0 AND NOT attisdropped GROUP BY relname"
    )
    return {row["relname"]: set(row["names"]) for row in rows if row["relname"] not in BOOKKEEPING}


async def rows_after(connection: asyncpg.Connection, script: str) -> Rows:
    """As they would be; nothing is changed."""
    await connection.execute("BEGIN")
    try:
        await connection.execute(script)
        return await all_rows(connection)
    finally:
        await connection.execute("ROLLBACK")


def as_older(way: Way, table: str, rows: list[Row]) -> list[Row]:
    """What these rows must be after going that way."""
    lost: Callable[[Row], bool] = way.lost.get(table, lambda _: False)
    becomes: Callable[[Row], list[Row]] = way.becomes.get(table, lambda row: [row])
    newer, older = way.renamed.get(table, ("", ""))
    gone = way.columns.get(table, set())
    return [
        {
            older if name == newer else name: value
            for name, value in each.items()
            if name not in gone
        }
        for row in rows
        if not lost(row)
        for each in becomes(row)
    ]


def in_order(rows: list[Row], expected: list[Row]) -> list[str]:
    """To be compared. A new id, where one was to be expected, can't be known."""
    known = {row.get("id") for row in expected}
    nameless = [{**row, "id": None} if row.get("id") not in known else row for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in (nameless if None in known else rows))


def assert_kept(found: Rows, expected: Rows) -> None:
    for table, rows in expected.items():
        assert in_order(found[table], rows) == in_order(rows, rows), table


def test_every_migration_says_what_going_back_loses() -> None:
    assert sorted(WAYS) == [migration.version for migration in load_migrations()]


async def test_each_way_down_and_up_again_keeps_all_that_fits(filled: asyncpg.Connection) -> None:
    """From the newest to the first; after each step down its way up is tried, and undone."""
    for migration in reversed(load_migrations()):
        way = WAYS[migration.version]
        before, had = await all_rows(filled), await columns(filled)
        assert [table for table in way.tables if not before[table]] == [], "nothing to lose"

        await migrate_down(filled, migration.version - 1)

        has = await columns(filled)
        assert set(had) - set(has) == way.tables, migration.name
        for table, names in has.items():
            newer, older = way.renamed.get(table, ("", ""))
            gone = {older if name == newer else name for name in had[table]} - names
            assert gone == way.columns.get(table, set()), (migration.name, table)
        kept = {table: as_older(way, table, before[table]) for table in has}
        assert_kept(await all_rows(filled), kept)

        again = await rows_after(filled, migration.up)
        for table, rows in kept.items():
            newer, older = way.renamed.get(table, ("", ""))
            names = {newer if name == older else name for name in has[table]}
            again[table] = [{name: row[name] for name in names} for row in again[table]]
            kept[table] = [
                {newer if name == older else name: value for name, value in row.items()}
                for row in rows
            ]
        assert_kept(again, kept)


@pytest.mark.parametrize("version", [1, 6])
async def test_bookings_go_on_after_a_way_down_and_up(
    filled: asyncpg.Connection, version: int
) -> None:
    """What was booked keeps its time, and what is free can be booked."""
    clinic: UUID = await filled.fetchval("SELECT id FROM organizations WHERE name = 'Here'")
    await filled.execute("DELETE FROM clock")
    booked = await filled.fetchrow(
        "SELECT * FROM appointments WHERE org_id = $1 AND status = 'confirmed'", clinic
    )
    assert booked is not None

    await migrate_down(filled, version)
    await migrate_up(filled)

    assert await schema_is_current(filled) is True
    wish = {"patient_name": "Bob Late", "patient_phone": "+442079460091"}
    wish |= {"practitioner_id": booked["practitioner_id"]}
    taken = await book(filled, clinic, **wish, scheduled_at=booked["scheduled_at"])
    assert taken["error"] == "SLOT_UNAVAILABLE"
    free = await book(filled, clinic, **wish, scheduled_at=START + timedelta(days=1) + 5 * HOUR)
    assert free["success"], free

"""The wall's scene: two clinics with rows in every table."""

from dataclasses import dataclass
from datetime import time
from uuid import UUID

import asyncpg

from tests.database import HOUR, START, Database

# How many rows of each table the scene gives a tenant, and its column. A new table needs a line.
TENANT_TABLES = {
    "organizations": "id",
    "practitioners": "org_id",
    "rooms": "org_id",
    "services": "org_id",
    "opening_hours": "org_id",
    "leads": "org_id",
    "appointments": "org_id",
    "events": "org_id",
    "deliveries": "org_id",
    "voice_messages": "org_id",
    "calls": "org_id",
    "lead_scores": "org_id",
    "lead_changes": "org_id",
    "notes": "org_id",
    "voice_lines": "org_id",
    "credentials": "org_id",
    "hmac_keys": "org_id",
    "practitioner_services": "org_id",
    "room_services": "org_id",
    "breaks": "org_id",
    "date_exceptions": "org_id",
    "absences": "org_id",
    "waitlist": "org_id",
    "waitlist_offers": "org_id",
    "messages": "org_id",
    "alerts": "org_id",
    "idempotency_keys": "org_id",
    "appointment_links": "org_id",
    "calendar_connections": "org_id",
    "calendar_events": "org_id",
    "busy_times": "org_id",
    "oauth_states": "org_id",
    "calendar_feeds": "org_id",
    "sms_accounts": "org_id",
    "message_templates": "org_id",
    "texts": "org_id",
    "consents": "org_id",
    "webhooks": "org_id",
    "webhook_messages": "org_id",
    "erasures": "org_id",
    "suppression_keys": "org_id",
    "memberships": "org_id",
    "audit_log": "org_id",
}
SECRET_TABLES = {
    "credentials",
    "hmac_keys",
    "idempotency_keys",
    "appointment_links",
    "calendar_connections",
    "oauth_states",
    "calendar_feeds",
    "sms_accounts",
    "suppression_keys",
    "webhooks",
    "memberships",
    "audit_log",
}  # not even the tenant's own claim reads these
READABLE_TABLES = sorted(TENANT_TABLES.keys() - SECRET_TABLES)
SHARED_TABLES = {"clock", "schema_functions", "schema_migrations"}  # hold nothing of a tenant
# People, who may work at several clinics: only the functions read these, whoever asks.
ACCOUNT_TABLES = {"staff_accounts", "sessions", "sign_in_links", "sign_in_attempts"}
ALL_TABLES = sorted(TENANT_TABLES.keys() | SHARED_TABLES | ACCOUNT_TABLES)


@dataclass
class Scene:
    database: Database
    api: asyncpg.Connection
    org_id: UUID
    other_org_id: UUID


async def tenant(database: Database, name: str) -> UUID:
    """A clinic with at least one row in every table."""
    owner = await database.owner()
    org_id = await database.organization(name=name)
    practitioner = await database.practitioner(org_id)
    room = await database.room(org_id)
    await database.service(org_id, "consultation", 60)
    for weekday in range(1, 8):
        await database.hours(org_id, weekday, time(0), time(23, 59))
    booking = await database.book(owner, org_id)
    assert booking["success"] is True, booking
    await owner.execute(
        "INSERT INTO voice_messages (org_id, call_id, type, payload) VALUES ($1, 'c', 't', '{}')",
        org_id,
    )
    await owner.execute(
        "INSERT INTO calls (org_id, call_id, caller_phone, started_at, promise_due_at) "
        "VALUES ($1, 'c', '+442079460777', now(), '2020-01-01')",
        org_id,
    )
    await owner.execute(
        "INSERT INTO voice_lines (kind, value, org_id) VALUES ('number', $2, $1)", org_id, name
    )
    await owner.execute(
        "INSERT INTO credentials (secret_hash, kind, org_id, scope) "
        "VALUES (sha256($2), 'api_key', $1, 'agent')",
        org_id,
        name.encode(),
    )
    await owner.execute(
        "INSERT INTO hmac_keys (org_id, encrypted_key, scheme) VALUES ($1, '', '{}')", org_id
    )
    await owner.execute(
        "INSERT INTO lead_scores (org_id, lead_id, score, tier, reasons, scored_at) "
        "SELECT org_id, id, 50, 'warm', '[]', now() FROM leads WHERE org_id = $1",
        org_id,
    )
    for statement in (
        (
            "INSERT INTO notes (org_id, lead_id, body, author) "
            "SELECT org_id, id, 'Prefers mornings', 'Front desk' FROM leads WHERE org_id = $1"
        ),
        (
            "INSERT INTO lead_changes (org_id, kind, lead_id, other_id) "
            "SELECT org_id, 'merge', id, gen_random_uuid() FROM leads WHERE org_id = $1"
        ),
    ):
        await owner.execute(statement, org_id)
    await fill_staff(database, org_id, name)
    await fill_diary(database, org_id, practitioner, room)
    await fill_outbox(database, org_id, practitioner)
    return org_id


async def fill_staff(database: Database, org_id: UUID, name: str) -> None:
    """Somebody who works there and is signed in; every secret of theirs has the same hash."""
    owner = await database.owner()
    staff_id = await owner.fetchval(
        "INSERT INTO staff_accounts (email, password_hash) VALUES ($1, 'h') RETURNING id",
        f"{name.lower()}@clinic.example",
    )
    for statement in (
        "INSERT INTO sessions (token_hash, staff_id, expires_at) VALUES ($2, $1, '2100-01-01')",
        (
            "INSERT INTO sign_in_links (token_hash, staff_id, expires_at) "
            "VALUES ($2, $1, '2100-01-01')"
        ),
        (
            "INSERT INTO sign_in_attempts (subject_hash, window_at) "
            "SELECT $2, '2020-01-01' WHERE $1::uuid IS NOT NULL"
        ),
    ):
        await owner.execute(statement, staff_id, name.encode())
    for statement in (
        "INSERT INTO memberships (org_id, staff_id, role) VALUES ($1, $2, 'owner')",
        "INSERT INTO audit_log (org_id, staff_id, actor, action) VALUES ($1, $2, 'a', 'looked')",
    ):
        await owner.execute(statement, org_id, staff_id)


async def fill_diary(database: Database, org_id: UUID, practitioner: UUID, room: UUID) -> None:
    """What the diary adds to the core. The waiting one is offered a time that became free."""
    owner = await database.owner()
    for statement in (
        "INSERT INTO breaks (org_id, weekday, starts, ends) VALUES ($1, 7, '03:00', '03:05')",
        "INSERT INTO date_exceptions (org_id, day) VALUES ($1, '2020-01-01')",
    ):
        await owner.execute(statement, org_id)
    for statement in (
        "INSERT INTO practitioner_services VALUES ($1, $2, 'consultation')",
        "INSERT INTO absences VALUES ($1, gen_random_uuid(), $2, '2020-01-01', '2020-01-02')",
    ):
        await owner.execute(statement, org_id, practitioner)
    await owner.execute("INSERT INTO room_services VALUES ($1, $2, 'consultation')", org_id, room)
    joined = await database.call(
        owner,
        "join_waitlist",
        org_id,
        name="Wanda Waits",
        phone="+442079460777",
        service_type="consultation",
        idempotency_key="joined",
        request_hash="",
    )
    assert joined["success"] is True, joined
    booking = await database.book(
        owner, org_id, patient_name="Gone Again", scheduled_at=START + HOUR * 3
    )
    gone = await database.call(
        owner, "cancel_appointment", org_id, appointment_id=UUID(booking["appointment_id"])
    )
    assert gone["success"] is True, gone
    said = {"body": "Please call back", "urgency": "high", "call_id": "c"}
    left = await database.call(owner, "take_message", org_id, **said)
    assert left["success"] is True, left


async def fill_outbox(database: Database, org_id: UUID, practitioner: UUID) -> None:
    """What comes after a booking: calendars, text messages, webhooks."""
    owner = await database.owner()
    for statement in (
        (
            "INSERT INTO appointment_links (org_id, appointment_id) "
            "SELECT org_id, id FROM appointments WHERE org_id = $1 AND status = 'confirmed'"
        ),
        "INSERT INTO calendar_connections (org_id, vendor, calendar) VALUES ($1, 'google', 'c')",
        (
            "INSERT INTO calendar_events "
            "SELECT $1, appointments.id, calendar_connections.id, 'e', NULL, 1, scheduled_at, "
            "ends_at "
            "FROM calendar_connections JOIN appointments USING (org_id) WHERE org_id = $1"
        ),
        (
            "INSERT INTO busy_times SELECT $1, id, 'busy', '2020-01-01', '2020-01-02' "
            "FROM calendar_connections WHERE org_id = $1"
        ),
        "INSERT INTO oauth_states VALUES ($1, uuid_send($1), NULL, 'c', '', '2020-01-01')",
        (
            "INSERT INTO sms_accounts (org_id, account_sid, encrypted_token, number) "
            "VALUES ($1, 'AC1', '', '+442079460000')"
        ),
        (
            "INSERT INTO message_templates (org_id, kind, language, body) "
            "VALUES ($1, 'sms_confirmation', 'en', 'Booked')"
        ),
        (
            "INSERT INTO texts (org_id, direction, our_number, their_number, body) "
            "VALUES ($1, 'in', '+442079460000', '+442079460777', 'C')"
        ),
        (
            "INSERT INTO consents (org_id, phone, kind, source) "
            "VALUES ($1, '+442079460777', 'opt_in', 'staff')"
        ),
        "INSERT INTO webhooks (org_id, url, encrypted_secret) VALUES ($1, 'https://a.test', '')",
        (
            "INSERT INTO webhook_messages (org_id, id, webhook_id, transaction_id, event_id) "
            "SELECT $1, gen_random_uuid(), id, '1', 1 FROM webhooks WHERE org_id = $1"
        ),
        "INSERT INTO suppression_keys VALUES ($1, sha256(uuid_send($1)))",
        (
            "INSERT INTO erasures (org_id, lead_id, actor, counts, outside) VALUES ($1, $1, 'a', "
            '\'{"appointments": 1, "calls": 1, "texts": 1}\', '
            '\'{"voice_platform": {"count": 1, "ids": ["c"]}, '
            '"sms_vendor": {"count": 0, "ids": []}, "emails": 1, '
            '"calendars": {"queued": 0, "unreachable": 0}}\')'
        ),
    ):
        await owner.execute(statement, org_id)
    await owner.execute(
        "INSERT INTO calendar_feeds (org_id, practitioner_id, token_hash) "
        "VALUES ($1, $2, uuid_send($1))",
        org_id,
        practitioner,
    )

"""What a booking returns and what it writes."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Database

CONTRACT_EXAMPLE = """
select book_appointment_atomic('a0000000-0000-0000-0000-000000000001'::uuid, 'Test User',
  'test@ex.com', '+15551234567', 'consultation', '2027-06-01T11:00:00Z'::timestamptz, 60);
"""
SUCCESS_KEYS = {
    "success",
    "appointment_id",
    "contact_id",
    "scheduled_at",
    "ends_at",
    "practitioner_id",
    "practitioner_name",
    "replayed",
    "created_at",
}


async def test_the_contracts_example_books(database: Database, api: asyncpg.Connection) -> None:
    await database.organization(id=UUID("a0000000-0000-0000-0000-000000000001"))
    await database.set_clock(datetime(2027, 5, 1, tzinfo=UTC))

    booking = json.loads(await api.fetchval(CONTRACT_EXAMPLE))

    assert booking["success"] is True
    assert datetime.fromisoformat(booking["scheduled_at"]) == datetime(2027, 6, 1, 11, tzinfo=UTC)
    assert datetime.fromisoformat(booking["ends_at"]) == datetime(2027, 6, 1, 12, tzinfo=UTC)


async def test_a_success_has_the_contracts_keys(
    database: Database, api: asyncpg.Connection
) -> None:
    org_id = await database.organization()
    practitioner_id = await database.practitioner(org_id, name="Dr Grey")

    booking = await database.book(api, org_id)

    assert booking.keys() >= SUCCESS_KEYS
    assert booking["success"] is True
    assert booking["replayed"] is False
    assert UUID(booking["practitioner_id"]) == practitioner_id
    assert booking["practitioner_name"] == "Dr Grey"
    assert booking["deliveries"] == {"calendar": "queued", "sms_confirmation": "queued"}


async def test_a_clinic_without_practitioners_names_none(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(api, organization)

    assert booking["practitioner_name"] is None
    assert UUID(booking["practitioner_id"]) == organization


async def test_the_row_is_what_the_answer_says(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(
        api, organization, call_id="call-1", source="vapi", idempotency_key="key-1"
    )

    row = await owner.fetchrow("SELECT * FROM appointments")
    assert row is not None
    assert str(row["id"]) == booking["appointment_id"]
    assert str(row["contact_id"]) == booking["contact_id"]
    assert (row["scheduled_at"], row["ends_at"]) == (START, START + HOUR)
    assert (row["blocked_from"], row["blocked_until"]) == (START, START + HOUR)
    assert (row["status"], row["version"], row["overlap_allowed"]) == ("confirmed", 1, False)
    assert (row["call_id"], row["source"], row["idempotency_key"]) == ("call-1", "vapi", "key-1")
    assert row["created_at"] == datetime.fromisoformat(booking["created_at"])


async def test_a_booking_logs_one_event_that_holds_ids_only(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(api, organization, call_id="call-1")
    await database.book(api, organization, call_id="call-1")  # a replay logs nothing

    events = await owner.fetch("SELECT * FROM events")
    assert len(events) == 1
    assert (events[0]["kind"], events[0]["call_id"]) == ("booked", "call-1")
    assert str(events[0]["appointment_id"]) == booking["appointment_id"]
    assert str(events[0]["lead_id"]) == booking["contact_id"]
    assert events[0]["data"] == "{}"


@pytest.mark.parametrize(
    ("email", "kinds"),
    [
        (None, ["calendar", "sms_confirmation"]),
        ("", ["calendar", "sms_confirmation"]),
        ("ann@example.com", ["calendar", "email_confirmation", "sms_confirmation"]),
    ],
)
async def test_a_booking_queues_its_deliveries(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    email: str | None,
    kinds: list[str],
) -> None:
    booking = await database.book(api, organization, patient_email=email)

    rows = await owner.fetch("SELECT * FROM deliveries ORDER BY kind")
    assert [row["kind"] for row in rows] == kinds
    assert {row["status"] for row in rows} == {"queued"}
    assert {str(row["subject_id"]) for row in rows} == {booking["appointment_id"]}
    assert {row["version"] for row in rows} == {1}
    assert booking["deliveries"] == dict.fromkeys(kinds, "queued")


async def test_metadata_keeps_the_patient_and_what_was_passed(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(
        api,
        organization,
        patient_name="ann taylor",
        patient_email=" Ann@Example.COM ",
        contact_phone="+44 20 7946 0111",
        metadata={"notes": "first visit", "patient": "someone else"},
    )

    metadata = json.loads(await owner.fetchval("SELECT metadata FROM appointments"))
    assert metadata == {
        "notes": "first visit",
        "patient": {
            "name": "Ann Taylor",
            "email": "ann@example.com",
            "phone": "+442079460958",
            "contact_phone": "+442079460111",
        },
    }


async def test_metadata_omits_what_was_not_given(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)

    metadata = json.loads(await owner.fetchval("SELECT metadata FROM appointments"))
    assert metadata == {"patient": {"name": "Ann Taylor", "phone": "+442079460958"}}


async def test_created_at_is_the_databases_clock(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    moment = datetime(2031, 3, 1, 9, tzinfo=UTC)
    await database.set_clock(moment)

    booked = await database.book(api, organization, scheduled_at=moment + timedelta(days=1))
    refused = await database.book(api, organization, scheduled_at=moment - timedelta(days=1))

    for answer in (booked, refused):
        assert abs(datetime.fromisoformat(answer["created_at"]) - moment) < timedelta(seconds=30)
    for table in ("appointments", "leads", "events", "deliveries"):
        stored = await owner.fetchval(f"SELECT min(created_at) FROM {table}")
        assert abs(stored - moment) < timedelta(seconds=30)


async def test_the_callers_search_path_changes_nothing(
    database: Database, owner: asyncpg.Connection, organization: UUID
) -> None:
    await owner.execute("CREATE TEMP TABLE organizations (id uuid, timezone text)")
    await owner.execute("SET search_path = pg_temp, public")

    assert (await database.book(owner, organization))["success"] is True


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
async def test_instants_do_not_depend_on_the_sessions_zone(
    database: Database, api: asyncpg.Connection, organization: UUID, zone: str
) -> None:
    await api.execute(f"SET TimeZone = '{zone}'")

    booking = await database.book(api, organization)

    assert datetime.fromisoformat(booking["scheduled_at"]) == START

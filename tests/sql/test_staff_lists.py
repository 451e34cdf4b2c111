"""What the dashboard's lists read: what is stuck, what it is about, who wants no texts."""

import json
from datetime import UTC, datetime, time
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import HOUR, Database


@pytest.fixture
async def api(database: Database) -> asyncpg.Connection:
    return await database.connect_api()


@pytest.fixture
async def org_id(database: Database) -> UUID:
    org_id = await database.organization()
    await database.practitioner(org_id)
    await database.service(org_id, "consultation", 60, name="Consultation")
    return org_id


async def test_what_is_stuck_is_what_failed_or_waits_for_something_outside(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    owner = await database.owner()
    for n, (status, due) in enumerate(
        (
            ("failed", "2026-01-01"),
            ("queued", "infinity"),
            ("queued", "2026-01-01"),
            ("sending", "2026-01-01"),
            ("delivered", "2026-01-01"),
            ("voided", "2026-01-01"),
        )
    ):
        await owner.execute(
            "INSERT INTO deliveries "
            "(org_id, subject_id, kind, version, status, due_at, created_at) "
            "VALUES ($1, gen_random_uuid(), 'sms_confirmation', 1, $2, $3::text::timestamptz, "
            "timestamptz '2026-01-01Z' + make_interval(hours => $4))",
            org_id,
            status,
            due,
            n,
        )
    items = (await database.call(api, "list_stuck_deliveries", org_id))["items"]
    assert [(item["status"], item["parked"]) for item in items] == [
        ("queued", True),
        ("failed", False),
    ]
    items = (await database.call(api, "list_stuck_deliveries", org_id, limit=1))["items"]
    assert [item["parked"] for item in items] == [True]
    other = await database.organization()
    assert (await database.call(api, "list_stuck_deliveries", other))["items"] == []


async def test_deliveries_are_told_with_their_appointments_but_no_patient(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    booked = await database.book(await database.owner(), org_id)
    assert booked["success"], booked
    ids = [UUID(booked["appointment_id"]), uuid4()]
    answer = await database.call(api, "appointments_told_of", org_id, ids=ids)
    (item,) = answer["items"]
    assert item.keys() == {"id", "scheduled_at", "practitioner_name", "service_name"}
    assert (item["practitioner_name"], item["service_name"]) == ("Dr Grey", "Consultation")
    assert (await database.call(api, "appointments_told_of", org_id, ids=[]))["items"] == []


async def test_the_newest_word_of_a_number_counts(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    phone = "+447700900123"
    assert (await database.call(api, "find_consent", org_id, phone=phone))["kind"] is None
    for kind in ("opt_out", "opt_in", "opt_out"):
        given = {"phone": phone, "kind": kind, "source": "staff"}
        await database.call(api, "save_consent", org_id, **given)
        found = await database.call(api, "find_consent", org_id, phone="+44 7700 900123")
        assert (found["phone"], found["kind"], found["source"]) == (phone, kind, "staff")
    other = await database.organization()
    assert (await database.call(api, "find_consent", other, phone=phone))["kind"] is None
    refused = await database.call(api, "find_consent", org_id, phone="12")
    assert refused["error"] == "INVALID_PHONE"


async def test_feeds_and_alert_addresses_are_listed_without_what_is_secret(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    assert (await database.call(api, "list_calendar_feeds", org_id))["feeds"] == []
    assert (await database.call(api, "find_alert_urls", org_id))["encrypted_urls"] is None
    owner = await database.owner()
    who = await owner.fetchval("SELECT id FROM practitioners WHERE org_id = $1", org_id)
    token_hash = bytes(range(32))
    await database.call(
        api, "open_calendar_feed", org_id, practitioner_id=who, token_hash=token_hash
    )
    await database.call(api, "set_alert_urls", org_id, encrypted_urls=b"sealed")
    (feed,) = (await database.call(api, "list_calendar_feeds", org_id))["feeds"]
    assert feed.keys() == {"practitioner_id", "created_at"}
    assert (await database.call(api, "find_alert_urls", org_id))["encrypted_urls"] == "c2VhbGVk"


OPENS = {
    "later": {"hours": [{"weekday": 1, "opens": "12:00", "closes": "18:00"}]},
    "a break": {"breaks": [{"weekday": 1, "starts": "10:30", "ends": "11:00"}]},
    "an exception": {"exceptions": [{"day": "2027-06-07"}]},
    "an absence": {
        "absences": [
            {
                "practitioner": "Dr Grey",
                "starts_at": "2027-06-07T00:00:00Z",
                "ends_at": "2027-06-08T00:00:00Z",
            }
        ]
    },
}


@pytest.mark.parametrize("change", OPENS.values(), ids=OPENS.keys())
async def test_a_change_that_leaves_appointments_outside_the_hours_is_told(
    database: Database, org_id: UUID, change: dict[str, object]
) -> None:
    owner = await database.owner()
    await database.set_clock(datetime(2027, 6, 1, 8, tzinfo=UTC))
    await database.hours(org_id, 1, time(9), time(18))
    monday = datetime(2027, 6, 7, 9, tzinfo=UTC)
    for start in (monday, monday + HOUR * 5):  # at ten, and at three in London
        assert (await database.book(owner, org_id, scheduled_at=start))["success"]
    given = {"document": json.dumps(change), "source": "staff"}
    tried = await database.call(owner, "configure_clinic", org_id, dry_run=True, **given)
    lost = 2 if "exceptions" in change or "absences" in change else 1
    told = f"Upcoming appointments that would lie outside the hours, and stay: {lost}"
    assert [warning for warning in tried["warnings"] if "outside" in warning] == [told]
    await database.call(owner, "configure_clinic", org_id, **given)
    # They lie there already when something else is changed.
    other = {"document": '{"notice_minutes": 5}', "source": "staff"}
    again = await database.call(owner, "configure_clinic", org_id, **other)
    assert again["warnings"] == []

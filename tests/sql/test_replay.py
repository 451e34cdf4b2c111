"""A repeated call is the same booking, by its key or by who, what and when."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Booking, Database

KEY = {"idempotency_key": "call-1:tool-1"}


async def count(owner: asyncpg.Connection, table: str = "appointments") -> int:
    number: int = await owner.fetchval(f"SELECT count(*) FROM {table}")
    return number


def same_but_replayed(first: Booking, second: Booking) -> bool:
    return {**first, "replayed": True} == second


async def test_the_same_person_service_and_start_is_the_same_booking(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, call_id="call-1")
    second = await database.book(
        api,
        organization,
        call_id="call-2",
        patient_name="ANN TAYLOR",
        patient_phone="0044 20 7946 0958",
        service_type=" Consultation ",
    )

    assert same_but_replayed(first, second)
    assert [await count(owner, t) for t in ("appointments", "events", "leads")] == [1, 1, 1]
    assert await count(owner, "deliveries") == 2


@pytest.mark.parametrize(
    "other",
    [
        {"patient_name": "Tom Taylor"},
        {"patient_phone": "+442079460111"},
        {"service_type": "hygiene"},
        {"scheduled_at": START + timedelta(minutes=30)},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_person_service_or_start_is_another_booking(
    database: Database, api: asyncpg.Connection, organization: UUID, other: dict[str, object]
) -> None:
    await database.book(api, organization)

    assert (await database.book(api, organization, **other))["error"] == "SLOT_UNAVAILABLE"


@pytest.mark.parametrize("status", ["cancelled", "completed", "no_show"])
async def test_what_is_over_is_not_replayed_without_a_key(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    status: str,
) -> None:
    first = await database.book(api, organization)
    await owner.execute("UPDATE appointments SET status = $1", status)

    second = await database.book(api, organization)

    assert second["replayed"] is False
    assert second["appointment_id"] != first["appointment_id"]


async def test_a_key_with_equal_arguments_is_the_same_booking(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, patient_email="ann@example.com", **KEY)
    second = await database.book(
        api, organization, patient_name="ann taylor", patient_email=" ANN@example.com", **KEY
    )

    assert same_but_replayed(first, second)
    assert await count(owner) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"patient_name": "Tom Taylor"},
        {"patient_phone": "+442079460111"},
        {"patient_email": "ann@example.com"},
        {"contact_phone": "+442079460111"},
        {"service_type": "hygiene"},
        {"scheduled_at": START + HOUR},
        {"duration_minutes": 30},
        {"practitioner_id": UUID(int=1)},
        {"room_id": UUID(int=1)},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_a_key_with_other_arguments_is_refused(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    other: dict[str, object],
) -> None:
    await database.book(api, organization, **KEY)

    refusal = await database.book(api, organization, **KEY, **other)

    assert refusal.get("error") == "IDEMPOTENCY_MISMATCH"
    assert await count(owner) == 1


async def test_a_key_stands_for_the_hash_it_came_with(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, request_hash="h1", **KEY)
    second = await database.book(api, organization, request_hash="h1", duration_minutes=5, **KEY)
    third = await database.book(api, organization, request_hash="h2", **KEY)

    assert same_but_replayed(first, second)
    assert third["error"] == "IDEMPOTENCY_MISMATCH"


async def test_a_key_belongs_to_one_organization(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    here = await database.book(api, organization, **KEY)
    there = await database.book(api, await database.organization(), **KEY)

    assert there["replayed"] is False
    assert there["appointment_id"] != here["appointment_id"]


async def test_a_key_returns_a_cancelled_booking_as_it_stands(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, **KEY)
    await owner.execute("UPDATE appointments SET status = 'cancelled', version = version + 1")

    second = await database.book(api, organization, **KEY)

    assert (second["success"], second["replayed"]) == (True, True)
    assert second["appointment_id"] == first["appointment_id"]
    assert (second["status"], second["version"]) == ("cancelled", 2)
    assert second["message"] == "The appointment was booked and is now cancelled"
    assert await count(owner) == 1


async def test_a_known_key_needs_no_time(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, request_hash="h", **KEY)
    again = await database.book(api, organization, request_hash="h", scheduled_at=None, **KEY)

    assert same_but_replayed(first, again)


async def test_an_unknown_key_without_a_time_is_refused(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    refusal = await database.book(api, organization, scheduled_at=None, **KEY)

    assert refusal["error"] == "INVALID_DATE"


@pytest.mark.parametrize("key", [{}, KEY], ids=["by who, what and when", "by key"])
async def test_a_booking_whose_time_has_passed_is_still_the_callers(
    database: Database, api: asyncpg.Connection, organization: UUID, key: dict[str, str]
) -> None:
    first = await database.book(api, organization, **key)
    await database.set_clock(START + timedelta(days=2))

    again = await database.book(api, organization, **key)

    assert same_but_replayed(first, again)


async def test_a_replay_outlives_a_change_of_the_rules(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization, **KEY)
    await database.service(organization, "hygiene", 30)
    await owner.execute("UPDATE organizations SET notice_minutes = 500000, horizon_days = 1")

    assert same_but_replayed(first, await database.book(api, organization, **KEY))


async def test_a_replay_tells_how_the_deliveries_stand(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)
    await owner.execute("UPDATE deliveries SET status = 'delivered' WHERE kind = 'calendar'")

    again = await database.book(api, organization)

    assert again["deliveries"] == {"calendar": "delivered", "sms_confirmation": "queued"}


async def test_a_refused_call_leaves_its_key_free(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    refused = await database.book(api, organization, patient_name="", **KEY)
    booked = await database.book(api, organization, **KEY)

    assert (refused["success"], booked["success"]) == (False, True)


async def test_a_key_that_found_a_booking_is_that_bookings(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    """Under another key the person has the appointment already; what this key is asked for next is
    the same, or a mistake: never a second booking."""
    first = await database.book(api, organization)
    replayed = await database.book(api, organization, **KEY)
    assert same_but_replayed(first, replayed)
    assert same_but_replayed(first, await database.book(api, organization, **KEY))
    other = await database.book(api, organization, **KEY, scheduled_at=START + 3 * HOUR)
    assert other["error"] == "IDEMPOTENCY_MISMATCH"
    assert await count(owner) == 1

    await owner.execute("UPDATE appointments SET status = 'cancelled'")
    again = await database.book(api, organization, **KEY)
    assert (again["appointment_id"], again["replayed"]) == (first["appointment_id"], True)


@pytest.mark.parametrize("key", ["", "k" * 301])
async def test_a_key_that_can_not_be_kept_is_no_error(
    database: Database, api: asyncpg.Connection, organization: UUID, key: str
) -> None:
    first = await database.book(api, organization)
    replayed = await database.book(api, organization, idempotency_key=key)
    assert replayed["appointment_id"] == first["appointment_id"]

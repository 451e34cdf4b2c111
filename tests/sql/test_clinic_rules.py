"""Services, practitioners and rooms."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import HOUR, START, Booking, Database

OTHER = {"patient_name": "Tom Taylor", "patient_phone": "+442079460111"}
THIRD = {"patient_name": "Eve Jones", "patient_phone": "+442079460222"}


def minutes(booking: Booking) -> float:
    lasts = datetime.fromisoformat(booking["ends_at"]) - datetime.fromisoformat(
        booking["scheduled_at"]
    )
    return lasts / timedelta(minutes=1)


async def test_a_clinic_without_services_takes_any(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(
        api, organization, service_type=" Sports MASSAGE ", duration_minutes=45
    )

    assert booking["service_type"] == "sports massage"
    assert minutes(booking) == 45


@pytest.mark.parametrize("said", ["hygiene", "HYGIENE ", "Scale & Polish", "scale & polish"])
async def test_a_service_is_found_by_key_or_name_and_its_duration_wins(
    database: Database, api: asyncpg.Connection, organization: UUID, said: str
) -> None:
    await database.service(organization, "hygiene", 30, name="Scale & Polish")
    await database.service(organization, "surgery", 90)

    booking = await database.book(api, organization, service_type=said, duration_minutes=60)

    assert (booking["service_type"], minutes(booking)) == ("hygiene", 30)


async def test_a_key_goes_before_another_services_name(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.service(organization, "long", 90, name="Check")
    await database.service(organization, "check", 20, name="Short check")

    assert minutes(await database.book(api, organization, service_type="check")) == 20


@pytest.mark.parametrize("said", ["massage", "surgery", "hyg", "hygiene%"])
async def test_a_service_the_clinic_does_not_offer_is_refused(
    database: Database, api: asyncpg.Connection, organization: UUID, said: str
) -> None:
    await database.service(organization, "hygiene", 30)
    await database.service(organization, "surgery", 90, active=False)
    await database.service(await database.organization(), "massage", 60)

    refusal = await database.book(api, organization, service_type=said)

    assert refusal["error"] == "UNKNOWN_SERVICE"


async def test_a_clinic_that_has_switched_its_services_off_offers_none(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.service(organization, "surgery", 90, active=False)

    refusal = await database.book(api, organization, service_type="surgery")

    assert refusal.get("error") == "UNKNOWN_SERVICE"


async def test_a_clinic_without_practitioners_is_one(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    first = await database.book(api, organization)
    named = await database.book(
        api, organization, scheduled_at=START + HOUR, practitioner_id=organization
    )
    clash = await database.book(api, organization, **OTHER)

    assert UUID(first["practitioner_id"]) == UUID(named["practitioner_id"]) == organization
    assert clash["error"] == "SLOT_UNAVAILABLE"


async def test_the_stand_in_is_gone_once_the_clinic_has_a_practitioner(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)
    grey = await database.practitioner(organization)

    booking = await database.book(api, organization, **OTHER, scheduled_at=START + HOUR)
    refusal = await database.book(
        api, organization, **OTHER, scheduled_at=START + 2 * HOUR, practitioner_id=organization
    )

    assert UUID(booking["practitioner_id"]) == grey
    assert refusal["error"] == "UNKNOWN_PRACTITIONER"


async def test_a_practitioner_asked_for_is_the_one_booked(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.practitioner(organization)
    shaw = await database.practitioner(organization, name="Dr Shaw")

    booking = await database.book(api, organization, practitioner_id=shaw)
    clash = await database.book(api, organization, practitioner_id=shaw, **OTHER)

    assert (UUID(booking["practitioner_id"]), booking["practitioner_name"]) == (shaw, "Dr Shaw")
    assert clash["error"] == "SLOT_UNAVAILABLE"


async def test_only_the_clinics_active_practitioners_can_be_asked_for(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.practitioner(organization)
    away = await database.practitioner(organization, active=False)
    elsewhere = await database.practitioner(await database.organization())

    for practitioner_id in (away, elsewhere, uuid4()):
        refusal = await database.book(api, organization, practitioner_id=practitioner_id)
        assert refusal["error"] == "UNKNOWN_PRACTITIONER"


async def test_an_inactive_practitioner_can_not_be_asked_for_even_as_the_only_one(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    away = await database.practitioner(organization, active=False)

    refusal = await database.book(api, organization, practitioner_id=away)

    assert refusal["error"] == "UNKNOWN_PRACTITIONER"


async def test_a_clinic_whose_practitioners_are_all_away_books_nobody(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.practitioner(organization, active=False)

    assert (await database.book(api, organization)).get("error") == "UNKNOWN_PRACTITIONER"


async def test_the_least_busy_of_the_day_goes_first(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    busy = await database.practitioner(organization, id=UUID(int=1))
    busier = await database.practitioner(organization, id=UUID(int=2))
    free = await database.practitioner(organization, id=UUID(int=3))
    await database.appointment(organization, busy, scheduled_at=START + 4 * HOUR)
    for hours in (4, 5):
        await database.appointment(organization, busier, scheduled_at=START + hours * HOUR)
    # Another day doesn't count.
    for hours in (24, 25, 26):
        await database.appointment(organization, free, scheduled_at=START + hours * HOUR)

    got = [
        UUID((await database.book(api, organization, **caller))["practitioner_id"])
        for caller in ({}, OTHER, THIRD)
    ]

    assert got == [free, busy, busier]


async def test_any_practitioner_is_refused_only_when_all_are_taken(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    for _ in range(2):
        await database.practitioner(organization)

    answers = [await database.book(api, organization, **caller) for caller in ({}, OTHER, THIRD)]

    assert [answer.get("error") for answer in answers] == [None, None, "SLOT_UNAVAILABLE"]
    assert answers[0]["practitioner_id"] != answers[1]["practitioner_id"]


async def test_a_room_is_in_one_appointment_at_a_time(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    for _ in range(2):
        await database.practitioner(organization)
    room = await database.room(organization)

    first = await database.book(api, organization, room_id=room)
    clash = await database.book(
        api, organization, room_id=room, **OTHER, scheduled_at=START + timedelta(minutes=59)
    )
    after = await database.book(api, organization, room_id=room, **OTHER, scheduled_at=START + HOUR)
    elsewhere = await database.book(api, organization, **THIRD)

    assert UUID(first["room_id"]) == room
    assert clash["error"] == "SLOT_UNAVAILABLE"
    assert after["success"] is True
    assert elsewhere["success"] is True


async def test_only_the_clinics_active_rooms_can_be_asked_for(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    shut = await database.room(organization, active=False)
    elsewhere = await database.room(await database.organization())

    for room_id in (shut, elsewhere, uuid4()):
        refusal = await database.book(api, organization, room_id=room_id)
        assert refusal["error"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("shift", "outcome"),
    [
        (-60, None),
        (-59, "SLOT_UNAVAILABLE"),
        (0, "SLOT_UNAVAILABLE"),
        (59, "SLOT_UNAVAILABLE"),
        (60, None),
    ],
)
async def test_appointments_may_touch_but_not_overlap(
    database: Database,
    api: asyncpg.Connection,
    organization: UUID,
    shift: int,
    outcome: str | None,
) -> None:
    await database.book(api, organization)

    answer = await database.book(
        api, organization, **OTHER, scheduled_at=START + timedelta(minutes=shift)
    )

    assert answer.get("error") == outcome


async def test_one_clinic_never_blocks_another(
    database: Database, api: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)

    assert (await database.book(api, await database.organization()))["success"] is True

"""The phone finds the household, the name finds the person."""

from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, START, Database

PHONE = "+442079460958"


async def leads(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await owner.fetch("SELECT * FROM leads ORDER BY created_at")
    return rows


async def test_a_first_contact_is_pending(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    booking = await database.book(
        api, organization, patient_name="ANN TAYLOR", patient_email="ANN@EXAMPLE.COM"
    )

    (lead,) = await leads(owner)
    assert str(lead["id"]) == booking["contact_id"]
    assert (lead["name"], lead["phone"], lead["email"], lead["status"], lead["phone_verified"]) == (
        "Ann Taylor",
        PHONE,
        "ann@example.com",
        "pending",
        False,
    )


async def test_two_names_on_one_phone_are_two_people(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    ann = await database.book(api, organization, patient_name="Ann Taylor")
    tom = await database.book(
        api, organization, patient_name="Tom Taylor", scheduled_at=START + HOUR
    )

    assert ann["contact_id"] != tom["contact_id"]
    assert {lead["name"] for lead in await leads(owner)} == {"Ann Taylor", "Tom Taylor"}


@pytest.mark.parametrize("again", ["emile zola", "ÉMILE ZOLA", "Émile  Zola", "Emile Zola."])
async def test_one_name_however_written_is_one_person(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    again: str,
) -> None:
    first = await database.book(api, organization, patient_name="Émile Zola")
    second = await database.book(api, organization, patient_name=again, scheduled_at=START + HOUR)

    assert first["contact_id"] == second["contact_id"]
    (lead,) = await leads(owner)
    assert lead["name"] == "Émile Zola"


async def test_one_name_on_two_phones_is_two_people(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)
    await database.book(api, organization, patient_phone="+442079460111", scheduled_at=START + HOUR)

    assert len(await leads(owner)) == 2


async def test_a_new_email_replaces_the_old_and_none_keeps_it(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    for hours, email in enumerate(["old@example.com", "new@example.com", None, ""]):
        await database.book(
            api, organization, patient_email=email, scheduled_at=START + hours * HOUR
        )

    (lead,) = await leads(owner)
    assert lead["email"] == "new@example.com"


async def test_a_contact_number_is_no_identity(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization, contact_phone="+14155550123", phone_verified=True)

    (lead,) = await leads(owner)
    assert (lead["phone"], lead["phone_verified"]) == (PHONE, True)


async def test_two_clinics_know_one_person_each_for_itself(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    here = await database.book(api, organization)
    there = await database.book(api, await database.organization(name="Elsewhere"))

    assert here["contact_id"] != there["contact_id"]
    assert len(await leads(owner)) == 2


async def test_a_booking_survives_the_loss_of_its_lead(
    database: Database, api: asyncpg.Connection, owner: asyncpg.Connection, organization: UUID
) -> None:
    await database.book(api, organization)

    await owner.execute("UPDATE appointments SET contact_id = NULL")
    await owner.execute("DELETE FROM leads")

    assert await owner.fetchval("SELECT metadata -> 'patient' ->> 'name' FROM appointments") == (
        "Ann Taylor"
    )


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " ",
        pytest.param(
            "\t\n",
        ),
    ],
)
async def test_a_blank_email_is_none(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    blank: str,
) -> None:
    assert (await database.book(api, organization, patient_email=blank))["success"] is True
    (lead,) = await leads(owner)
    assert lead["email"] is None

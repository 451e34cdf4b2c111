"""A practice in the middle of its week: what a backup has to bring back."""

import json
from datetime import timedelta
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet

from tests.database import HOUR, START, Booking, Database, book

SECRET = b"a vendor's token"
# What became of a delivery → the vendor's id for it, if it gave one.
ANSWERS = {"queued": None, "sent": "SM1", "delivered": "SM2", "failed": None, "voided": None}


async def call(
    connection: asyncpg.Connection, function: str, org_id: UUID, **given: object
) -> Booking:
    arguments = {"org_id": org_id, **given}
    named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(arguments, 1))
    answer: Booking = json.loads(
        await connection.fetchval(f"SELECT {function}({named})", *arguments.values())
    )
    assert answer["success"], (function, answer)
    return answer


async def practice(database: Database, fernet: Fernet) -> UUID:
    """A clinic that booked, moved, cancelled, held, told and was told; by the product's functions
    alone, but for what vendors would have said."""
    owner = await database.owner()
    clinic = await database.organization(name="Harbor Dental", timezone="America/New_York")
    chen = await database.practitioner(clinic, name="Dr Amara Chen")
    await database.practitioner(clinic, name="Dr Grey")
    booked = [
        UUID((await book(owner, clinic, **wish(n, chen)))["appointment_id"]) for n in range(8)
    ]
    for moved, days in ((booked[0], 1), (booked[1], 2), (booked[0], 3)):
        later = START + timedelta(days=days)
        await call(
            owner, "reschedule_appointment", clinic, appointment_id=moved, scheduled_at=later
        )
    await call(owner, "cancel_appointment", clinic, appointment_id=booked[2], reason="Ill")
    await call(
        owner,
        "hold_slot",
        clinic,
        service_type="consultation",
        scheduled_at=START + 20 * HOUR,
        practitioner_id=chen,
        call_id="call-9",
    )
    await secrets_and_words(owner, clinic, fernet)
    await deliver(owner, clinic)
    return clinic


async def deliver(owner: asyncpg.Connection, clinic: UUID) -> None:
    """A worker takes the texts, and vendors say something else to each. The e-mails still wait."""
    claim = "SELECT claim_organization_deliveries($1, 'sms', $2, 50, 60)"
    claimed = json.loads(await owner.fetchval(claim, clinic, len(ANSWERS) + 1))["deliveries"]
    # The last one is under way: its worker is the one that the fire took.
    for taken, (status, said) in zip(claimed[:-1], ANSWERS.items(), strict=True):
        await owner.fetchval(
            "SELECT finish_delivery($1, $2, $3, $4, $5, $6, p_external_id => $7)",
            clinic,
            UUID(taken["subject_id"]),
            taken["kind"],
            taken["version"],
            taken["attempt"],
            status,
            said,
        )


def wish(number: int, practitioner_id: UUID) -> dict[str, object]:
    """A booking of the scene; asked for again it is the same one."""
    return {
        "patient_name": f"Ann Taylor {chr(65 + number)}",
        "patient_phone": f"+4420794600{number:02}",
        "patient_email": f"ann{number}@example.com",
        "scheduled_at": START + number * HOUR,
        "practitioner_id": practitioner_id,
        "call_id": f"call-{number}",
        "idempotency_key": f"key-{number}",
    }


async def secrets_and_words(owner: asyncpg.Connection, clinic: UUID, fernet: Fernet) -> None:
    await owner.execute(
        "INSERT INTO sms_accounts (org_id, account_sid, encrypted_token, number) "
        "VALUES ($1, 'AC1', $2, '+442079460000')",
        clinic,
        fernet.encrypt(SECRET),
    )
    report = json.dumps({"caller": "+442079460001", "transcript": "AI: You're booked."})
    await owner.execute(
        "SELECT record_voice_message($1, 'call-1', 'end-of-call-report', '{}', NULL, $2)",
        clinic,
        report,
    )
    await owner.execute(
        "INSERT INTO consents (org_id, phone, kind, source) "
        "VALUES ($1, '+442079460003', 'opt_out', 'text')",
        clinic,
    )

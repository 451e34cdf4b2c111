"""One Python function per SQL function: the arguments in, the parsed result out, and no rules.

Each is a lone autocommit SELECT. All raise whatever `fetch_value` raises when the database is busy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import available_timezones

from voxanne.booking.types import BookingRequest, Clinic, Credential


class Database(Protocol):
    """Runs one query and returns its only value."""

    async def fetch_value(self, query: str, *arguments: object) -> object: ...


async def book_appointment(database: Database, request: BookingRequest) -> dict[str, Any]:
    """Book exactly once. The result is the function's own: success, or a refusal with its code."""
    return await call_book_appointment(
        database,
        {
            "p_org_id": request.organization,
            "p_patient_name": request.name,
            "p_patient_email": request.email,
            "p_patient_phone": request.phone.e164,
            "p_service_type": request.service_type,
            "p_scheduled_at": request.scheduled_at,
            "p_duration_minutes": request.duration_minutes,
            "p_practitioner_id": request.practitioner,
            "p_idempotency_key": request.idempotency_key,
            "p_request_hash": request.request_hash,
            "p_call_id": request.call_id,
            "p_source": request.source,
            "p_contact_phone": request.contact_phone,
            "p_phone_verified": request.phone.verified,
            "p_metadata": json.dumps({"notes": request.notes}) if request.notes else "{}",
            "p_hold_id": request.hold,
            "p_birth_date": request.birth_date,
        },
    )


async def call_book_appointment(
    database: Database, parameters: dict[str, object]
) -> dict[str, Any]:
    """The same, by the function's own parameter names."""
    return await call(database, "book_appointment_atomic", parameters)


async def call(database: Database, function: str, parameters: dict[str, object]) -> dict[str, Any]:
    """The JSON a SQL function answers with. Its name and its parameters' names must be the
    program's, never a caller's: they become part of the query.
    """
    named = ", ".join(f"{name} => ${number}" for number, name in enumerate(parameters, 1))
    answer = await database.fetch_value(f"SELECT {function}({named})", *parameters.values())
    return _parsed(answer)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Audit:
    """Who does what, for the audit log. `staff`: None where no person is signed in; `subject_id`:
    None where the answer has it.
    """

    organization: UUID
    staff: UUID | None
    actor: str
    action: str
    subject_kind: str
    subject_id: str | None = None


async def call_audited(
    database: Database, function: str, parameters: dict[str, object], audit: Audit
) -> dict[str, Any]:
    """`call`, and in the same transaction the audit log's row of it, unless it is refused."""
    named = ", ".join(f"{name} => ${number}" for number, name in enumerate(parameters, 7))
    query = (
        "SELECT audited($1, $2, $3, $4, $5, $6, done.answer) "  # noqa: S608
        f"FROM (SELECT {function}({named}) AS answer OFFSET 0) AS done"
    )
    answer = await database.fetch_value(
        query,
        audit.organization,
        audit.staff,
        audit.actor,
        audit.action,
        audit.subject_kind,
        audit.subject_id,
        *parameters.values(),
    )
    return _parsed(answer)  # type: ignore[no-any-return]


async def find_practitioner(
    database: Database, organization: UUID, said: str
) -> list[dict[str, str]]:
    """Everyone the words could mean, as `{"id", "name"}`."""
    found: list[dict[str, str]] = _parsed(
        await database.fetch_value("SELECT find_practitioner($1, $2)", organization, said)
    )
    return found


async def find_clinic(database: Database, organization: UUID) -> Clinic | None:
    """The clinic's profile; None when it doesn't exist, or in no time zone that does."""
    profile = _parsed(await database.fetch_value("SELECT clinic_profile($1)", organization))
    # PostgreSQL takes some zones that aren't IANA's ("GMT+1"): nobody can speak for such a clinic.
    if profile is None or profile["timezone"] not in available_zones():
        return None
    red_flags = profile["red_flags"]
    return Clinic(
        organization,
        profile["name"],
        profile["timezone"],
        profile["country"],
        float(profile["clock_offset_seconds"]),
        language=profile["language"],
        caller_check=profile["caller_check"],
        red_flags=None if red_flags is None else tuple(red_flags),
        assistant_id=profile.get("assistant_id"),
    )


async def find_credential(database: Database, secret_hash: bytes) -> tuple[str, Credential] | None:
    """The kind of secret (`api_key`, `vapi_secret`) and what it proves."""
    found = _parsed(await database.fetch_value("SELECT find_credential($1)", secret_hash))
    if found is None:
        return None
    return found["kind"], Credential(UUID(found["org_id"]), found["scope"])


async def find_voice_line(
    database: Database,
    phone_number_id: str | None,
    number: str | None,
    assistant_id: str | None,
) -> UUID | None:
    found = await database.fetch_value(
        "SELECT find_voice_line($1, $2, $3)", phone_number_id, number, assistant_id
    )
    return None if found is None else UUID(str(found))


async def find_hmac_key(
    database: Database, organization: UUID
) -> tuple[str, dict[str, object]] | None:
    """The encrypted key and the scheme the organization's platform signs with."""
    found = _parsed(await database.fetch_value("SELECT find_hmac_key($1)", organization))
    return None if found is None else (found["encrypted_key"], found["scheme"])


async def record_voice_message(
    database: Database,
    organization: UUID,
    *,
    call_id: str,
    kind: str,
    payload: object,
    sent_at: datetime | None,
    report: dict[str, object],
) -> None:
    """`report`: what the message says of the call itself, see record_call.sql."""
    await database.fetch_value(
        "SELECT record_voice_message($1, $2, $3, $4, $5, $6)",
        organization,
        call_id,
        kind,
        json.dumps(payload),
        sent_at,
        json.dumps(report),
    )


async def changed_events(
    database: Database, places: Sequence[Mapping[str, object]]
) -> list[dict[str, Any]]:
    """What happened after these places of the event log, as changed_events.sql has it."""
    found: list[dict[str, Any]] = _parsed(
        await database.fetch_value("SELECT changed_events($1)", json.dumps(places))
    )
    return found


async def extend_holds(database: Database, organization: UUID, call_id: str) -> None:
    """The call is alive, so its holds are."""
    await database.fetch_value("SELECT extend_holds($1, $2)", organization, call_id)


@lru_cache(maxsize=1)
def available_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _parsed(answer: object) -> Any:
    return None if answer is None else json.loads(str(answer))

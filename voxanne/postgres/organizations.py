"""What an operator does to tenants: create them, give them keys, lines and secrets.

Runs as the database's owner. Secrets are made here, shown once by the caller, and kept only as
hashes; an HMAC key, which must be used again, is kept encrypted.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import asyncpg

KEY_PREFIX = "vox_"
SECRET_CHARACTERS_MIN = 16
_OPENS, _CLOSES = time(9), time(17)
_WORKDAYS = range(1, 6)


class OrganizationError(ValueError):
    """What was asked can't be done; the message says why, and what would work."""


async def create_organization(
    connection: asyncpg.Connection,
    name: str,
    *,
    timezone: str,
    country: str | None,
    organization: UUID | None = None,
) -> UUID:
    """A clinic that can be booked at once: one practitioner, consultations, weekdays 9 to 17.

    Raises OrganizationError for a zone that doesn't exist or an id that does.
    """
    if timezone not in available_timezones():
        raise OrganizationError(
            f"There is no time zone {timezone!r}. Use an IANA name such as Europe/London."
        )
    try:
        async with connection.transaction():
            created: UUID = await connection.fetchval(
                "INSERT INTO organizations (id, name, timezone, country) "
                "VALUES (coalesce($1, gen_random_uuid()), $2, $3, $4) RETURNING id",
                organization,
                name,
                timezone,
                country,
            )
            await connection.execute(
                "INSERT INTO practitioners (org_id, name) VALUES ($1, $2)", created, name
            )
            await connection.execute(
                "INSERT INTO services (org_id, key, name, duration_minutes) "
                "VALUES ($1, 'consultation', 'Consultation', 60)",
                created,
            )
            await connection.executemany(
                "INSERT INTO opening_hours (org_id, weekday, opens, closes) "
                "VALUES ($1, $2, $3, $4)",
                [(created, weekday, _OPENS, _CLOSES) for weekday in _WORKDAYS],
            )
    except asyncpg.UniqueViolationError:
        raise OrganizationError(f"There is an organization {organization} already.") from None
    except asyncpg.CheckViolationError:
        raise OrganizationError(
            "The name needs 1 to 200 characters, the country two capital letters (GB, US, DE)."
        ) from None
    return created


async def local_date(connection: asyncpg.Connection, timezone: str) -> date:
    """What day it is in a zone, by the deployment's clock."""
    day: date = await connection.fetchval(
        "SELECT (current_moment() AT TIME ZONE $1)::date", timezone
    )
    return day


async def close_public_holidays(
    connection: asyncpg.Connection,
    organization: UUID,
    region: str,
    holidays: Iterable[tuple[date, str]],
) -> None:
    """Close a new clinic on its region's public holidays: days, and what they are called."""
    await connection.execute(
        "UPDATE organizations SET holidays_region = $2 WHERE id = $1", organization, region
    )
    await connection.executemany(
        "INSERT INTO date_exceptions (org_id, day, reason, source) "
        "VALUES ($1, $2, left($3, 200), 'holiday')",
        [(organization, day, name) for day, name in holidays],
    )


async def list_organizations(connection: asyncpg.Connection) -> list[dict[str, object]]:
    rows = await connection.fetch(
        "SELECT id AS org_id, name, timezone, country, created_at FROM organizations "
        "ORDER BY created_at, id"
    )
    return [dict(row) for row in rows]


async def find_organization(connection: asyncpg.Connection, said: str) -> UUID:
    """The organization an operator means, by id or by exact name. Raises OrganizationError."""
    rows = await connection.fetch(
        "SELECT id FROM organizations WHERE id::text = lower($1) OR name = $1", said
    )
    if len(rows) > 1:
        raise OrganizationError(f"{len(rows)} organizations are called {said!r}: use the id.")
    if not rows:
        raise OrganizationError(
            f"There is no organization {said!r}; see `voxanne org list` for those there are."
        )
    found: UUID = rows[0]["id"]
    return found


async def create_key(
    connection: asyncpg.Connection, organization: UUID, scope: str, name: str | None = None
) -> str:
    """A new API key, which exists nowhere else once it is returned. `name`: what it is for. Raises
    OrganizationError.
    """
    key = new_key()
    await _call(connection, "create_key", organization, secret_hash(key), scope, name)
    return key


async def list_keys(connection: asyncpg.Connection, organization: UUID) -> list[dict[str, object]]:
    """The API keys that are good, newest first. Raises OrganizationError."""
    found = await _call(connection, "list_credentials", organization)
    return list(found["keys"])


async def revoke_key(connection: asyncpg.Connection, organization: UUID, key_id: UUID) -> None:
    """`key_id`: as `list_keys` has it. Raises OrganizationError."""
    await _call(connection, "revoke_key", organization, key_id)


async def set_vapi_secret(connection: asyncpg.Connection, organization: UUID, secret: str) -> None:
    """Make this the organization's only X-Vapi-Secret. Raises OrganizationError."""
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise OrganizationError(f"A secret needs at least {SECRET_CHARACTERS_MIN} characters.")
    await _call(connection, "set_vapi_secret", organization, secret_hash(secret))


async def set_hmac_key(
    connection: asyncpg.Connection,
    organization: UUID,
    *,
    encrypted_key: bytes,
    scheme: Mapping[str, object],
) -> None:
    """Raises OrganizationError."""
    await _call(connection, "set_hmac_key", organization, encrypted_key, json.dumps(scheme))


async def add_line(
    connection: asyncpg.Connection, organization: UUID, names: Mapping[str, str]
) -> None:
    """Map a line to the organization by each of its names (`phone_number_id`, `number`,
    `assistant_id`), all or none. A number is kept in E.164. Raises OrganizationError when it can't
    be, or another organization has one.
    """
    await _call(connection, "add_line", organization, json.dumps(names))


def new_key() -> str:
    """An API key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """What is kept of a key or a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def delete_organization(connection: asyncpg.Connection, organization: UUID) -> None:
    """Remove an organization and everything of it. For scratch tenants of the proofs only."""
    async with connection.transaction():
        for table in (
            "audit_log",
            "memberships",
            "hmac_keys",
            "voice_lines",
            "credentials",
            "voice_messages",
            "deliveries",
            "webhook_messages",
            "webhooks",
            "texts",
            "consents",
            "suppression_keys",
            "erasures",
            "message_templates",
            "sms_accounts",
            "busy_times",
            "calendar_events",
            "oauth_states",
            "calendar_feeds",
            "calendar_connections",
            "appointment_links",
            "events",
            "appointments",
            "waitlist_offers",
            "waitlist",
            "messages",
            "alerts",
            "idempotency_keys",
            "lead_scores",
            "lead_changes",
            "notes",
            "calls",
            "leads",
            "practitioner_services",
            "room_services",
            "absences",
            "date_exceptions",
            "breaks",
            "opening_hours",
            "services",
            "rooms",
            "practitioners",
        ):
            await connection.execute(f"DELETE FROM {table} WHERE org_id = $1", organization)  # noqa: S608
        await connection.execute("DELETE FROM organizations WHERE id = $1", organization)


async def _call(
    connection: asyncpg.Connection, function: str, organization: UUID, *arguments: object
) -> dict[str, Any]:
    """The function's answer. Raises OrganizationError for a refusal, with its sentence."""
    places = "".join(f", ${number}" for number in range(2, len(arguments) + 2))
    answer: dict[str, Any] = json.loads(
        await connection.fetchval(f"SELECT {function}($1{places})", organization, *arguments)
    )
    if not answer["success"]:
        raise OrganizationError(f"{answer['message']}.")
    return answer

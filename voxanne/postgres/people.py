"""Whom an operator means. Runs as the database's owner."""

from uuid import UUID

import asyncpg

from voxanne.postgres.organizations import OrganizationError


async def find_person(
    connection: asyncpg.Connection,
    organization: UUID,
    said: str,
    phone: str | None,
    name: str | None,
) -> UUID:
    """The person's kept lead, by its id or by the number (`phone`, E.164) and, where several have
    it, the name. Raises OrganizationError.
    """
    rows = await connection.fetch(
        "SELECT DISTINCT coalesce(merged_into, id) AS lead_id FROM leads "
        "WHERE org_id = $1 AND (id::text = lower($2) OR phone = $3) "
        "AND ($4::text IS NULL OR person = person_key(normalize_name($4)))",
        organization,
        said,
        phone,
        name,
    )
    if not rows:
        raise OrganizationError("There is no such person: give the lead's id, or a full number.")
    if len(rows) > 1:
        raise OrganizationError(
            f"{len(rows)} people have that number: say which with --name, or give the lead's id."
        )
    found: UUID = rows[0]["lead_id"]
    return found

"""Check of the API's role, and of the logins: nothing but what the release grants."""

from typing import Final

import asyncpg

from voxanne.doctor.catalogue import compare, read_catalogue
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, failed, named, ok, warn
from voxanne.postgres.pool import API_ROLE

ATTRIBUTES: Final = {
    "rolsuper": "SUPERUSER",
    "rolbypassrls": "BYPASSRLS",
    "rolcreatedb": "CREATEDB",
    "rolcreaterole": "CREATEROLE",
    "rolreplication": "REPLICATION",
}
_ROLE: Final = "SELECT * FROM pg_roles WHERE rolname = $1"
_MEMBER_OF: Final = """
SELECT roleid::regrole::text AS name FROM pg_auth_members WHERE member = $1::text::regrole
"""
_OWNED: Final = """
SELECT 'table ' || relname FROM pg_class
WHERE relowner = $1::text::regrole AND relkind IN ('r', 'p', 'v')
UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proowner = $1::text::regrole
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspowner = $1::text::regrole
UNION ALL SELECT 'database ' || datname FROM pg_database WHERE datdba = $1::text::regrole
"""
_CREATES: Final = """
SELECT 'CREATE in schema ' || nspname FROM pg_namespace
WHERE nspname !~ '^pg_(temp|toast)' AND has_schema_privilege($1, oid, 'CREATE')
UNION ALL
SELECT 'CREATE in the database' WHERE has_database_privilege($1, current_database(), 'CREATE')
"""


async def check_roles(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        role = await connection.fetchrow(_ROLE, API_ROLE)
        if role is None:
            return failed(f"there is no role {API_ROLE}", "voxanne migrate up")
        if too_much := await _too_much(connection, API_ROLE, frozenset()):
            return failed(
                f"{API_ROLE} has more than its own: {named(too_much)}",
                f"take it away: ALTER ROLE {API_ROLE} NO…, REVOKE … FROM {API_ROLE}",
            )
        grants = compare("grants", await read_catalogue(connection))
        if grants.extra or grants.changed or grants.missing:
            wrong = [*grants.extra, *grants.changed, *grants.missing]
            return failed(
                f"privileges on tables aren't the release's: {named(wrong)}",
                f"REVOKE ALL ON … FROM PUBLIC, {API_ROLE}, and GRANT what docs/reference/roles.md "
                "says",
            )
        owner = await connection.fetchrow(_ROLE, await connection.fetchval("SELECT current_user"))
    if scene.target.api_url is not None:
        wrong_login = await _wrong_login(scene, scene.target.api_url)
        if wrong_login is not None:
            return wrong_login
    if owner is not None and (owner["rolsuper"] or owner["rolbypassrls"]):
        return warn(
            "the login of DATABASE_URL goes through every wall (SUPERUSER or BYPASSRLS)",
            "give the database to an ordinary role: ALTER ROLE … NOSUPERUSER NOBYPASSRLS",
        )
    if scene.production and scene.target.api_url is None:
        return warn(
            "the API logs in as the owner and steps down",
            f"give it a login that is a member of {API_ROLE}, in VOXANNE_API_DATABASE_URL",
        )
    return ok(f"{API_ROLE} reads and calls what the release lets it, and no more")


async def _too_much(
    connection: asyncpg.Connection, name: str, allowed: frozenset[str]
) -> list[str]:
    role = await connection.fetchrow(_ROLE, name)
    found = [word for column, word in ATTRIBUTES.items() if role is not None and role[column]]
    if "SUPERUSER" in found:
        return found  # and so everything else
    groups = [row["name"] for row in await connection.fetch(_MEMBER_OF, name)]
    found += [f"membership of {group}" for group in groups if group not in allowed]
    for query in (_OWNED, _CREATES):
        found += [str(row[0]) for row in await connection.fetch(query, name)]
    return found


async def _wrong_login(scene: Examination, url: str) -> Finding | None:
    """Of VOXANNE_API_DATABASE_URL, if anything."""
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return failed(
            f"the API's own login isn't let in ({type(error).__name__})",
            "correct VOXANNE_API_DATABASE_URL, or the role's password",
        )
    try:
        name = await connection.fetchval("SELECT current_user")
        member = await connection.fetchval("SELECT pg_has_role($1, 'USAGE')", API_ROLE)
    finally:
        await connection.close()
    async with scene.owner() as owner:
        here = await owner.fetchval("SELECT current_user")
        too_much = await _too_much(owner, name, frozenset({API_ROLE}))
    if name == here:
        return failed(
            "the API's own login is the owner's",
            f"CREATE ROLE … LOGIN IN ROLE {API_ROLE}: that one's is VOXANNE_API_DATABASE_URL",
        )
    if not member:
        return failed(
            f"the API's own login, {name}, is no member of {API_ROLE}",
            f"GRANT {API_ROLE} TO {name}",
        )
    if too_much:
        return failed(
            f"the API's own login, {name}, has more than {API_ROLE}: {named(too_much)}",
            f"take it away: ALTER ROLE {name} NO…, REVOKE … FROM {name}",
        )
    return None

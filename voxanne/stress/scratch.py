"""What the proofs work on, and leave as they found it: scratch tenants and scratch databases."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg

from voxanne.postgres.migrate import schema_is_current
from voxanne.postgres.organizations import create_organization, delete_organization
from voxanne.postgres.pool import Pool, open_pool, owner_connection

# A proof that waits this long for one answer has found something worse than a slow database.
ANSWER_MS_MAX = 60_000
DELETE_ATTEMPTS_MAX = 5
TIMEZONE = "Europe/London"
COUNTRY = "GB"


class ProofError(RuntimeError):
    """The proof can't be run; the message says what it needs."""


@dataclass(frozen=True, slots=True)
class Target:
    """The deployment's database. `api_url` is the API's own login, if it has one."""

    owner_url: str
    api_url: str | None = None

    def owner(self) -> contextlib.AbstractAsyncContextManager[asyncpg.Connection]:
        return owner_connection(self.owner_url)

    @contextlib.asynccontextmanager
    async def api(self, connections: int) -> AsyncIterator[Pool]:
        """Sessions in the API's role, all of them open, so that a race has no late starters."""
        pool = await open_pool(
            self.api_url or self.owner_url,
            size=connections,
            wait_ms=ANSWER_MS_MAX,
            statement_cache_size=100,
            step_down=self.api_url is None,
        )
        try:
            opened = await asyncio.gather(*(pool.connections.acquire() for _ in range(connections)))
            await asyncio.gather(*(pool.connections.release(session) for session in opened))
            yield pool
        finally:
            await pool.close()


@contextlib.asynccontextmanager
async def scratch_organizations(
    target: Target, purpose: str, count: int
) -> AsyncIterator[list[UUID]]:
    """Clinics that are open at all times (one practitioner, consultations of 60 minutes), deleted
    again whatever happens. Raises ProofError when the schema isn't this release's.
    """
    async with target.owner() as owner:
        if not await schema_is_current(owner):
            raise ProofError(
                "The database's schema isn't this release's. Run `voxanne migrate up` first."
            )
    made = [uuid4() for _ in range(count)]
    try:
        async with target.owner() as owner:
            for organization in made:
                await create_organization(
                    owner,
                    f"voxanne-{purpose}-{secrets.token_hex(8)}",
                    timezone=TIMEZONE,
                    country=COUNTRY,
                    organization=organization,
                )
            await owner.execute("DELETE FROM opening_hours WHERE org_id = ANY ($1)", made)
        yield made
    finally:
        for organization in made:
            await _delete(target, organization)


async def _delete(target: Target, organization: UUID) -> None:
    """Delete, and again: a caller that was cut off may still have been committing."""
    for attempt in range(1, DELETE_ATTEMPTS_MAX + 1):
        try:
            async with target.owner() as owner:
                await delete_organization(owner, organization)
        except (asyncpg.ForeignKeyViolationError, asyncpg.DeadlockDetectedError):
            if attempt == DELETE_ATTEMPTS_MAX:
                raise
            await asyncio.sleep(0.2 * attempt)
        else:
            return


@contextlib.asynccontextmanager
async def scratch_database(
    owner_url: str, superuser_url: str | None, purpose: str
) -> AsyncIterator[str]:
    """The address of an empty database on the same server, as the same owner, dropped afterwards.

    `superuser_url`: who may create databases there, where the owner may not. Raises ProofError.
    """
    name = f"voxanne_{purpose}_{secrets.token_hex(6)}"
    owner = urlsplit(owner_url).username
    async with Target(superuser_url or owner_url).owner() as creator:
        await _require_right_to_create(creator)
        as_owner = f' OWNER "{owner}"' if superuser_url and owner else ""
        try:
            await creator.execute(f"CREATE DATABASE {name} TEMPLATE template0{as_owner}")
            yield await _address_in(owner_url, name)
        finally:
            await creator.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _require_right_to_create(connection: asyncpg.Connection) -> None:
    login = await connection.fetchrow(
        "SELECT rolname, rolcreatedb OR rolsuper AS creates FROM pg_roles "
        "WHERE rolname = current_user"
    )
    if login is None or not login["creates"]:
        name = login["rolname"] if login else "the owner"
        raise ProofError(
            f"The bench works in a database of its own, and {name} may not create one. Run "
            f'`ALTER ROLE "{name}" CREATEDB` as a superuser, or leave DATABASE_URL out to measure '
            "on the embedded PostgreSQL."
        )


async def _address_in(owner_url: str, name: str) -> str:
    """The same server and login, another database: proven, since a URL can name one in two places.

    asyncpg goes by the path and libpq by a parameter. Raises ProofError rather than measure in a
    clinic's database.
    """
    parts = urlsplit(owner_url)
    parameters = parts.query.split("&") if parts.query else []
    kept = [said for said in parameters if said.partition("=")[0] not in ("dbname", "database")]
    url = urlunsplit(parts._replace(path=f"/{name}", query="&".join(kept)))
    async with Target(url).owner() as connection:
        reached = await connection.fetchval("SELECT current_database()")
    if reached != name:
        raise ProofError("DATABASE_URL must name its database in the path and nowhere else.")
    return url

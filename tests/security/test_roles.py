"""The roles of docs/reference/roles.md: the API's login books, and can do nothing else."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.database import START
from tests.integration.clinics import in_process, settings_for, wish
from tests.recovery.clusters import cluster_with_roles
from tests.unit import vapi_bodies as bodies
from voxanne.app import create_app
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.postgres import organizations
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"


@dataclass(frozen=True)
class Deployed:
    """A server of its own: roles are the whole server's."""

    server: EmbeddedPostgres

    def url(self, role: str) -> str:
        return self.server.url(user=role)

    @contextlib.asynccontextmanager
    async def session(self, role: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.url(role))
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with cluster_with_roles() as server:
        place = Deployed(server)
        asyncio.run(migrate(place))
        yield place


async def migrate(place: Deployed) -> None:
    async with place.session("voxanne") as owner:
        await migrate_up(owner)


async def refused(connection: asyncpg.Connection, query: str) -> bool:
    """By privilege, and not because it can't be done."""
    try:
        await connection.execute(query)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


ATTEMPTS = (
    "SELECT * FROM credentials",
    "SELECT * FROM hmac_keys",
    "SELECT * FROM sessions",
    "SELECT * FROM staff_accounts",
    "SELECT * FROM appointment_links",
    "INSERT INTO organizations (name) VALUES ('Mine')",
    "UPDATE organizations SET name = 'Mine'",
    "DELETE FROM appointments",
    "TRUNCATE events",
    "UPDATE clock SET clock_offset = '1 day'",
    "CREATE TABLE public.mine (id integer)",
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE TEMP TABLE mine (id integer)",
    "CREATE ROLE mine",
    "DROP FUNCTION book_appointment_atomic",
    "ALTER TABLE appointments DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE appointments NO FORCE ROW LEVEL SECURITY",
    "SET session_replication_role = replica",
    "SET ROLE postgres",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_authid",
    "ALTER SYSTEM SET log_statement = 'all'",
)


async def test_the_api_books_with_its_login_and_can_do_nothing_else(deployed: Deployed) -> None:
    org_id, key = await open_clinic(deployed)
    settings = settings_for(deployed.url("voxanne"), api_database_url=deployed.url("voxanne_app"))
    pool = await open_api_pool(Deployment(settings, deployed.url("voxanne"), None))
    try:
        async with in_process(create_app(settings, pool, load_fernet(settings))) as http:
            call = bodies.tool_call(arguments=wish(scheduledAt=START.strftime("%Y-%m-%dT11:00")))
            answer = await http.post(
                "/api/vapi",
                json=bodies.envelope([call]),
                headers={"Authorization": f"Bearer {key}"},
            )
            assert r"\"success\":true" in answer.text, answer.text
            assert (await http.get("/readyz")).status_code == 200
        who = await pool.fetch_value("SELECT current_user || ' ' || session_user")
        assert who == " ".join(["voxanne_app"] * 2), "no stepping down needed"
    finally:
        await pool.close()

    async with deployed.session("voxanne_app") as web:
        assert await web.fetchval("SELECT count(*) FROM appointments") == 0, "without a claim"
        let_in = [query for query in ATTEMPTS if not await refused(web, query)]
        assert let_in == []
        assert await refused(web, "SET ROLE voxanne")
    async with deployed.session("voxanne") as owner:
        assert await owner.fetchval("SELECT count(*) FROM appointments") == 1
        assert (
            await owner.fetchval("SELECT count(*) FROM appointments WHERE org_id = $1", org_id) == 1
        )


async def open_clinic(deployed: Deployed) -> tuple[UUID, str]:
    async with deployed.session("voxanne") as owner:
        org_id = await organizations.create_organization(
            owner, "Harbor Dental", timezone="Europe/London", country="GB"
        )
        return org_id, await organizations.create_key(owner, org_id, "agent")


async def test_monitoring_sees_statistics_and_no_patient(deployed: Deployed) -> None:
    async with deployed.session("voxanne_monitor") as monitor:
        assert await monitor.fetchval("SELECT count(*) FROM pg_stat_activity") >= 1
        assert await monitor.fetchval("SELECT count(*) FROM pg_stat_user_tables") > 10
        for table in ("leads", "appointments", "organizations", "credentials", "calls"):
            assert await refused(monitor, f"SELECT * FROM {table}"), table


async def test_the_limits_of_the_page_are_set(deployed: Deployed) -> None:
    async with deployed.session("voxanne_app") as app:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            assert await app.fetchval(f"SHOW {name}") == "30s"
        rows = await app.fetch("SELECT rolname, rolconnlimit FROM pg_roles WHERE rolconnlimit > 0")
    assert {tuple(row) for row in rows} == {("voxanne_app", 200), ("voxanne_monitor", 5)}


async def test_only_the_roles_of_the_page_may_connect(deployed: Deployed) -> None:
    """And no other role was made."""
    told = set(re.findall(r"^\| `(voxanne\w*)` \|", PAGE.read_text(), re.MULTILINE))
    async with deployed.session("voxanne") as owner:
        rows = await owner.fetch(
            "SELECT rolname, has_database_privilege(rolname, current_database(), 'CONNECT') AS may "
            "FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper"
        )
    assert {row["rolname"] for row in rows} == told
    # voxanne_api is nobody's login.
    assert {row["rolname"] for row in rows if row["may"]} == told - {"voxanne_api"}

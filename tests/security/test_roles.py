"""docs/reference/roles.md, run as it stands: the API's login books, and can do nothing else."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import START, Server
from tests.integration.clinics import in_process, settings_for, wish
from tests.unit import vapi_bodies as bodies
from voxanne.app import create_app
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.postgres import organizations
from voxanne.postgres.migrate import migrate_up

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"
(STATEMENTS,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)


@dataclass(frozen=True)
class Deployed:
    """A database with the roles of the page under names of the test's own: roles are the whole
    server's, and this server has other tests."""

    server: Server
    name: str
    suffix: str

    def url(self, role: str) -> str:
        made = role if role == "voxanne_api" else role + self.suffix
        return self.server.postgres.url(self.name, made)

    @contextlib.asynccontextmanager
    async def session(self, role: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.url(role))
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture
async def deployed(server: Server) -> AsyncIterator[Deployed]:
    suffix = f"_{uuid4().hex[:8]}"
    # voxanne_api's name is the migrations' own, so that it alone stays as it is.
    made = re.sub(r"\bvoxanne(_web|_monitor)?\b", lambda name: name[0] + suffix, STATEMENTS)
    made = re.sub(r"CREATE ROLE voxanne_api [^;]*;", "", made)
    async with server.database("template0") as database:
        superuser = await database.connect_superuser()
        await superuser.execute(
            "DO $$ BEGIN CREATE ROLE voxanne_api NOLOGIN NOINHERIT; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        await superuser.execute(made)
        place = Deployed(server, database.name, suffix)
        try:
            async with place.session("voxanne") as owner:
                await migrate_up(owner)
            yield place
        finally:
            await superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for role in (f"voxanne_web{suffix}", f"voxanne_monitor{suffix}"):
                await superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
            await superuser.execute(f"REASSIGN OWNED BY voxanne{suffix} TO postgres")
            await superuser.execute(f"DROP OWNED BY voxanne{suffix} CASCADE")
            await superuser.execute(f"DROP ROLE voxanne{suffix}")


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
    settings = settings_for(deployed.url("voxanne"), api_database_url=deployed.url("voxanne_web"))
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
        assert who == " ".join(["voxanne_web" + deployed.suffix] * 2), "no stepping down needed"
    finally:
        await pool.close()

    async with deployed.session("voxanne_web") as web:
        assert await web.fetchval("SELECT count(*) FROM appointments") == 0, "without a claim"
        let_in = [query for query in ATTEMPTS if not await refused(web, query)]
        assert let_in == []
        assert await refused(web, f"SET ROLE voxanne{deployed.suffix}")
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


async def test_the_owner_is_no_more_than_an_owner(deployed: Deployed) -> None:
    async with deployed.session("voxanne") as owner:
        row = await owner.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication "
            "FROM pg_roles WHERE rolname = current_user"
        )
        assert row is not None
        assert not any(row.values())
        assert await refused(owner, "CREATE ROLE mine")


def test_every_role_of_the_page_is_made_by_it() -> None:
    told = set(re.findall(r"^\| `(voxanne\w*)` \|", PAGE.read_text(), re.MULTILINE))
    made = set(re.findall(r"CREATE ROLE (\w+)", STATEMENTS))
    assert told - made == {"voxanne_backup"}, "made by deploy/backup/role.sql"

"""Whatever is done to the schema behind the release's back, the doctor names it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.database import Database, Server
from tests.doctor.scenes import InTransaction, found, scene_of
from voxanne.doctor import State
from voxanne.doctor.catalogue import read_catalogue, release_catalogue

CHANGE_TEXT = """
DO $$ BEGIN
  EXECUTE (SELECT replace(pg_get_functiondef(oid), '{old}', '{new}') FROM pg_proc
           WHERE proname = '{name}');
END $$
"""
BOOKING = "book_appointment_atomic"


@dataclass(frozen=True)
class Fault:
    """`planted` by SQL, as a superuser; `check` has `said` in its detail."""

    check: str
    planted: str
    said: str
    state: State = State.FAILED


FAULTS = [
    Fault("migrations", "UPDATE schema_migrations SET checksum = 'x' WHERE version = 3", "0003"),
    Fault("migrations", "DELETE FROM schema_migrations WHERE version = 10", "not applied: 0010"),
    Fault("migrations", "DROP TABLE schema_migrations", "not applied: 0001"),
    Fault(
        "migrations",
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'next', 'x')",
        "of a newer release: 9999",
    ),
    Fault(
        "migrations",
        "UPDATE schema_functions SET checksum = 'x' WHERE name = 'hold_slot'",
        "hold_slot",
    ),
    Fault(
        "booking_function",
        f"CREATE FUNCTION {BOOKING}(p_org_id uuid) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "2 functions are called",
    ),
    Fault(
        "booking_function",
        "CREATE FUNCTION rebook_the_appointment() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "public.rebook_the_appointment",
    ),
    Fault("booking_function", f"DROP FUNCTION {BOOKING}", "no function that books"),
    Fault(
        "booking_function",
        CHANGE_TEXT.format(name=BOOKING, old="IS DISTINCT FROM", new="="),
        "text",
    ),
    Fault("booking_function", f"GRANT EXECUTE ON FUNCTION {BOOKING} TO PUBLIC", "grants"),
    Fault("booking_function", f"REVOKE ALL ON FUNCTION {BOOKING} FROM voxanne_api", "grants"),
    Fault("booking_function", f"ALTER FUNCTION {BOOKING} SECURITY INVOKER", "security definer"),
    Fault("booking_function", f"ALTER FUNCTION {BOOKING} RESET search_path", "settings"),
    Fault("booking_function", f"ALTER FUNCTION {BOOKING} OWNER TO postgres", "owner"),
    Fault("booking_function", f"COMMENT ON FUNCTION {BOOKING} IS 'one of two'", "comment"),
    Fault(
        "functions",
        CHANGE_TEXT.format(name="find_booked", old="BEGIN", new="BEGIN "),
        "find_booked (text)",
    ),
    Fault("functions", "GRANT EXECUTE ON FUNCTION slot_taken TO PUBLIC", "slot_taken (grants)"),
    Fault("functions", "ALTER FUNCTION slot_taken VOLATILE", "slot_taken (volatility)"),
    Fault("functions", "DROP FUNCTION slot_taken", "slot_taken is missing"),
    Fault(
        "functions",
        "CREATE FUNCTION slot_taken(p_org_id uuid) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "slot_taken is there twice",
    ),
    Fault(
        "functions",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "mine",
        State.WARN,
    ),
    Fault("tables", "ALTER TABLE leads DROP COLUMN version", "leads.version"),
    Fault("tables", "ALTER TABLE calls ALTER source DROP NOT NULL", "calls.source"),
    Fault("tables", "DROP TABLE erasures", "missing: erasures"),
    Fault("tables", "CREATE TABLE notes_of_mine (id int)", "notes_of_mine", State.WARN),
    Fault(
        "tables",
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER spy AFTER INSERT ON leads EXECUTE FUNCTION t()",
        "leads.spy",
        State.WARN,
    ),
    Fault(
        "constraints",
        "ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner",
        "missing: appointments.one_appointment_per_practitioner",
    ),
    Fault(
        "constraints",
        "ALTER TABLE breaks DROP CONSTRAINT breaks_check, "
        "ADD CONSTRAINT breaks_check CHECK (starts <= ends)",
        "changed: breaks.breaks_check",
    ),
    Fault(
        "constraints",
        "UPDATE pg_constraint SET convalidated = false WHERE conname = 'services_fit_a_day'",
        "not valid: services.services_fit_a_day",
    ),
    Fault("constraints", "ALTER TABLE rooms DISABLE TRIGGER ALL", "rooms (its triggers are off)"),
    Fault(
        "constraints",
        "ALTER TABLE leads ADD CONSTRAINT mine CHECK (name <> 'x')",
        "leads.mine",
        State.WARN,
    ),
    Fault("indexes", "DROP INDEX deliveries_due", "missing: deliveries_due"),
    Fault(
        "indexes",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'leads_in_time'::regclass",
        "not valid: leads_in_time",
    ),
    Fault("indexes", "CREATE INDEX mine ON leads (email)", "not of this release: mine", State.WARN),
    Fault("row_security", "ALTER TABLE calls NO FORCE ROW LEVEL SECURITY", "forced: calls"),
    Fault("row_security", "ALTER TABLE calls DISABLE ROW LEVEL SECURITY", "forced: calls"),
    Fault("row_security", "CREATE TABLE mine (org_id uuid)", "forced: mine"),
    Fault("row_security", "DROP POLICY tenant_reads ON leads", "missing: leads.tenant_reads"),
    Fault(
        "row_security",
        "CREATE POLICY wide ON leads FOR SELECT USING (true)",
        "added: leads.wide",
    ),
    Fault(
        "row_security",
        "ALTER POLICY tenant_reads ON leads USING (true)",
        "changed: leads.tenant_reads",
    ),
    Fault("roles", "GRANT INSERT ON appointments TO voxanne_api", "appointments"),
    Fault("roles", "GRANT SELECT ON credentials TO PUBLIC", "credentials"),
    Fault("roles", "GRANT UPDATE (name) ON leads TO voxanne_api", "leads.name"),
    Fault("roles", "GRANT CREATE ON SCHEMA public TO PUBLIC", "CREATE in schema public"),
    Fault("roles", "ALTER TABLE notes OWNER TO voxanne_api", "table notes"),
    Fault("roles", "REVOKE SELECT ON leads FROM voxanne_api", "leads"),
    Fault("roles", "ALTER ROLE voxanne_api SUPERUSER", "SUPERUSER"),
    Fault("roles", "ALTER ROLE voxanne_api BYPASSRLS", "BYPASSRLS"),
    Fault("roles", "ALTER ROLE voxanne_api CREATEDB", "CREATEDB"),
    Fault("roles", "ALTER ROLE voxanne_api CREATEROLE", "CREATEROLE"),
    Fault("roles", "ALTER ROLE voxanne_api REPLICATION", "REPLICATION"),
    Fault("roles", "GRANT pg_read_all_data TO voxanne_api", "membership of pg_read_all_data"),
    Fault("roles", "ALTER ROLE voxanne BYPASSRLS", "through every wall", State.WARN),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def schema(server: Server) -> AsyncIterator[Database]:
    async with server.database() as database:
        yield database


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}: {fault.said}")
async def test_it_is_found(schema: Database, fault: Fault) -> None:
    session = await schema.connect_superuser()
    async with undone(session):
        await session.execute(fault.planted)
        await session.execute("SET LOCAL ROLE voxanne")
        healthy = scene_of(schema)
        scene = InTransaction(healthy.settings, healthy.owner_url, session=session)
        finding = await found(scene, fault.check)
    assert finding.state is fault.state, finding
    assert fault.said in finding.detail
    assert finding.fix


@asynccontextmanager
async def undone(session: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = session.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
        await session.close()


async def test_without_a_fault_none_is_found(database: Database) -> None:
    scene = scene_of(database)
    for check in {fault.check for fault in FAULTS}:
        finding = await found(scene, check)
        assert finding.state is State.OK, finding


async def test_the_releases_catalogue_is_that_of_its_migrations(database: Database) -> None:
    """If not: python docs/catalogue.py. On PostgreSQL 15 it is the same."""
    assert await read_catalogue(await database.connect_owner()) == release_catalogue()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("LOGIN IN ROLE voxanne_api", None),
        ("LOGIN", "is no member of voxanne_api"),
        ("LOGIN IN ROLE voxanne_api BYPASSRLS", "BYPASSRLS"),
        ("LOGIN IN ROLE voxanne_api, voxanne", "membership of voxanne"),
        ("NOLOGIN IN ROLE voxanne_api", "isn't let in"),
    ],
)
async def test_a_login_of_the_apis_own_is_looked_at(
    database: Database, made: str, said: str | None
) -> None:
    superuser = await database.connect_superuser()
    login = f"login_{uuid4().hex}"
    await superuser.execute(f"CREATE ROLE {login} {made}")
    url = database.server.postgres.url(database.name, login)
    try:
        finding = await found(scene_of(database, api_database_url=url), "roles")
    finally:
        await superuser.execute(f"DROP ROLE {login}")
    assert finding.state is (State.OK if said is None else State.FAILED), finding
    assert said is None or said in finding.detail


async def test_the_owners_login_is_no_login_for_the_api(database: Database) -> None:
    finding = await found(scene_of(database, api_database_url=database.owner_url), "roles")
    assert (finding.state, finding.detail) == (
        State.FAILED,
        "the API's own login is the owner's",
    )

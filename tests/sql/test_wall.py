"""The wall between tenants: tried on every table and every function, as nobody and as another."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import time
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import Database, claim
from voxanne.postgres.migrate import load_functions

# How many rows of each table the scene gives a tenant, and its column. A new table needs a line.
TENANT_TABLES = {
    "organizations": "id",
    "practitioners": "org_id",
    "rooms": "org_id",
    "services": "org_id",
    "opening_hours": "org_id",
    "leads": "org_id",
    "appointments": "org_id",
    "events": "org_id",
    "deliveries": "org_id",
    "voice_messages": "org_id",
    "voice_lines": "org_id",
    "credentials": "org_id",
    "hmac_keys": "org_id",
}
SECRET_TABLES = {"credentials", "hmac_keys"}  # not even the tenant's own claim reads these
READABLE_TABLES = sorted(TENANT_TABLES.keys() - SECRET_TABLES)
SHARED_TABLES = {"clock", "schema_functions", "schema_migrations"}  # hold nothing of a tenant
ALL_TABLES = sorted(TENANT_TABLES.keys() | SHARED_TABLES)

GARBAGE_CLAIMS = {
    "not-json": "nonsense",
    "half-json": '{"org_id": "',
    "no-org": "{}",
    "null-org": '{"org_id": null}',
    "no-uuid": '{"org_id": "everyone"}',
    "number": '{"org_id": 1}',
    "list-of-orgs": '{"org_id": ["%(org)s"]}',
    "scalar": "5",
    "list": '["%(org)s"]',
    "sql": "' OR true --",
    "wildcard": '{"org_id": "%%"}',
    "bare-uuid": "%(org)s",
    "nested": '{"app_metadata": {"org_id": "%(org)s"}}',
    "blank": " ",
}


@dataclass
class Scene:
    database: Database
    api: asyncpg.Connection
    org_id: UUID
    other_org_id: UUID


async def tenant(database: Database, name: str) -> UUID:
    """A clinic with at least one row in every table."""
    owner = await database.owner()
    org_id = await database.organization(name=name)
    await database.practitioner(org_id)
    await database.room(org_id)
    await database.service(org_id, "consultation", 60)
    for weekday in range(1, 8):
        await database.hours(org_id, weekday, time(0), time(23, 59))
    booking = await database.book(owner, org_id)
    assert booking["success"] is True, booking
    await owner.execute(
        "INSERT INTO voice_messages (org_id, call_id, type, payload) VALUES ($1, 'c', 't', '{}')",
        org_id,
    )
    await owner.execute(
        "INSERT INTO voice_lines (kind, value, org_id) VALUES ('number', $2, $1)", org_id, name
    )
    await owner.execute(
        "INSERT INTO credentials (secret_hash, kind, org_id, scope) "
        "VALUES (sha256($2), 'api_key', $1, 'agent')",
        org_id,
        name.encode(),
    )
    await owner.execute(
        "INSERT INTO hmac_keys (org_id, encrypted_key, scheme) VALUES ($1, '', '{}')", org_id
    )
    return org_id


@pytest.fixture
async def scene(database: Database) -> Scene:
    org_id = await tenant(database, "Here")
    other_org_id = await tenant(database, "Elsewhere")
    return Scene(database, await database.connect_api(), org_id, other_org_id)


@pytest.fixture
async def nobody(scene: Scene) -> AsyncIterator[asyncpg.Connection]:
    """A session of a role without any grant."""
    superuser = await scene.database.connect_superuser()
    role = f"nobody_{uuid4().hex}"
    await superuser.execute(f"CREATE ROLE {role}")
    await superuser.execute(f"SET ROLE {role}")
    yield superuser
    await superuser.execute("RESET ROLE")
    await superuser.execute(f"DROP ROLE {role}")


async def seen(connection: asyncpg.Connection, table: str) -> int:
    """How many rows the session sees; 0 when it is refused."""
    try:
        rows: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
    except (asyncpg.InsufficientPrivilegeError, asyncpg.DataError):
        return 0
    return rows


async def test_every_table_is_listed_here_and_in_use(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname"
    )
    assert [row["relname"] for row in rows] == ALL_TABLES
    for table, column in TENANT_TABLES.items():
        for org_id in (scene.org_id, scene.other_org_id):
            assert await superuser.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column} = $1", org_id
            ), table


async def test_without_a_claim_the_api_sees_nothing(scene: Scene) -> None:
    assert {table: await seen(scene.api, table) for table in TENANT_TABLES} == dict.fromkeys(
        TENANT_TABLES, 0
    )


async def test_a_claim_sees_its_own_rows_and_no_others(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    for org_id in (scene.org_id, scene.other_org_id):
        await claim(scene.api, json.dumps({"org_id": str(org_id), "sub": "someone"}))
        for table in READABLE_TABLES:
            column = TENANT_TABLES[table]
            rows = await scene.api.fetch(f"SELECT {column} FROM {table}")
            everything = await superuser.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column} = $1", org_id
            )
            assert {row[0] for row in rows} == {org_id}, table
            assert len(rows) == everything, table


@pytest.mark.parametrize("table", sorted(SECRET_TABLES))
async def test_secrets_are_not_the_apis_to_read(scene: Scene, table: str) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.org_id)}))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await scene.api.fetch(f"SELECT * FROM {table}")


@pytest.mark.parametrize("text", GARBAGE_CLAIMS.values(), ids=GARBAGE_CLAIMS.keys())
async def test_an_unreadable_claim_sees_nothing_and_books_nothing(scene: Scene, text: str) -> None:
    await claim(scene.api, text % {"org": scene.org_id})

    assert {table: await seen(scene.api, table) for table in TENANT_TABLES} == dict.fromkeys(
        TENANT_TABLES, 0
    )
    refusal = await scene.database.book(scene.api, scene.org_id, patient_name="Tom Taylor")
    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"


async def test_a_claim_ends_with_its_transaction(scene: Scene) -> None:
    async with scene.api.transaction():
        await scene.api.execute(
            "SELECT set_config('request.jwt.claims', $1, true)",
            json.dumps({"org_id": str(scene.org_id)}),
        )
        assert await seen(scene.api, "leads") == 1

    assert await seen(scene.api, "leads") == 0


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_the_api_writes_to_no_table(scene: Scene, table: str) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.org_id)}))
    column = await scene.api.fetchval(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass "
        "AND attnum > 0 AND attgenerated = '' ORDER BY attnum LIMIT 1",
        table,
    )
    for statement in (
        f"INSERT INTO {table} DEFAULT VALUES",
        f"UPDATE {table} SET {column} = DEFAULT",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"LOCK TABLE {table} IN EXCLUSIVE MODE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scene.api.transaction():
                await scene.api.execute(statement)


async def test_the_api_creates_nothing_and_becomes_nobody(scene: Scene) -> None:
    for statement in (
        "CREATE TABLE public.mine (id integer)",
        "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE leads DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_reads ON leads",
        "CREATE ROLE mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await scene.api.execute(statement)


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_nobody_reads_no_table(scene: Scene, nobody: asyncpg.Connection, table: str) -> None:
    await claim(nobody, json.dumps({"org_id": str(scene.org_id)}))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await nobody.fetch(f"SELECT * FROM {table}")


async def test_nobody_executes_no_function_of_ours(nobody: asyncpg.Connection) -> None:
    rows = await nobody.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege(oid, 'EXECUTE')",
        list(load_functions()),
    )
    assert [row["proname"] for row in rows] == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await nobody.fetch("SELECT current_moment()")


Attempt = Callable[[Scene], Awaitable[None]]


async def cannot_book_elsewhere(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    before = await superuser.fetchval("SELECT count(*) FROM appointments")

    for org_id in (scene.org_id, uuid4(), None):
        refusal = await scene.database.book(scene.api, org_id, patient_name="Tom Taylor")
        assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert await superuser.fetchval("SELECT count(*) FROM appointments") == before


async def cannot_replay_elsewhere(scene: Scene) -> None:
    """What the victim booked, word for word."""
    refusal = await scene.database.book(scene.api, scene.org_id)
    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert "appointment_id" not in refusal


async def tells_only_the_time(scene: Scene) -> None:
    moment = await scene.api.fetchval("SELECT current_moment()")
    assert abs((moment - await scene.api.fetchval("SELECT now()")).total_seconds()) < 60


async def has_no_profile(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT clinic_profile($1)", scene.org_id) is None


async def has_no_practitioners(scene: Scene) -> None:
    for said in ("Dr Grey", "Grey", ""):
        query = "SELECT find_practitioner($1, $2)"
        assert await scene.api.fetchval(query, scene.org_id, said) == "[]"


async def has_no_hmac_key(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT find_hmac_key($1)", scene.org_id) is None


async def has_no_credential_without_its_secret(scene: Scene) -> None:
    for guess in (None, b"", b"Here", b"%"):
        assert await scene.api.fetchval("SELECT find_credential($1)", guess) is None


async def has_no_line_without_its_number(scene: Scene) -> None:
    query = "SELECT find_voice_line($1, $2, $3)"
    for guess in (None, "", "%", str(scene.org_id)):
        assert await scene.api.fetchval(query, guess, guess, guess) is None
    # Kinds are not mixed up: what is registered as a number is no assistant.
    assert await scene.api.fetchval(query, "Here", None, "Here") is None


async def reports_no_message(scene: Scene) -> None:
    query = "SELECT record_voice_message($1, 'c', 't', '{\"forged\": true}', now())"
    assert await scene.api.fetchval(query, scene.org_id) is False
    superuser = await scene.database.connect_superuser()
    assert (
        await superuser.fetchval("SELECT count(*) FROM voice_messages WHERE payload <> '{}'") == 0
    )


# What another tenant tries with each function the API may execute. A new one needs a line.
ATTEMPTS: dict[str, list[Attempt]] = {
    "book_appointment_atomic": [cannot_book_elsewhere, cannot_replay_elsewhere],
    "clinic_profile": [has_no_profile],
    "current_moment": [tells_only_the_time],
    "find_credential": [has_no_credential_without_its_secret],
    "find_hmac_key": [has_no_hmac_key],
    "find_practitioner": [has_no_practitioners],
    "find_voice_line": [has_no_line_without_its_number],
    "record_voice_message": [reports_no_message],
}


async def test_every_function_of_the_api_is_tried_here(reader: asyncpg.Connection) -> None:
    rows = await reader.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege('voxanne_api', oid, 'EXECUTE')",
        list(load_functions()),
    )
    assert {row["proname"] for row in rows} == set(ATTEMPTS)


@pytest.mark.parametrize(
    "attempt",
    [attempt for attempts in ATTEMPTS.values() for attempt in attempts],
    ids=lambda attempt: attempt.__name__,
)
async def test_another_tenant_gets_nothing_from_a_function(scene: Scene, attempt: Attempt) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))

    await attempt(scene)


async def test_the_owners_functions_mind_the_claim_too(scene: Scene) -> None:
    """The owner's policy lets its functions see every row; the check of the claim must hold."""
    owner = await scene.database.connect_owner()
    await claim(owner, json.dumps({"org_id": str(scene.other_org_id)}))

    refusal = await scene.database.book(owner, scene.org_id, patient_name="Tom Taylor")

    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"

"""The wall between tenants: tried on every table, as nobody and as another."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from tests.database import claim
from tests.sql.wall import (
    ACCOUNT_TABLES,
    ALL_TABLES,
    READABLE_TABLES,
    SECRET_TABLES,
    TENANT_TABLES,
    Scene,
)
from voxanne.postgres.migrate import load_functions

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


@pytest.mark.parametrize("table", sorted(SECRET_TABLES | ACCOUNT_TABLES))
async def test_secrets_are_not_the_apis_to_read(scene: Scene, table: str) -> None:
    for said in ("", json.dumps({"org_id": str(scene.org_id)})):
        await claim(scene.api, said)
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
        assert await seen(scene.api, "leads") == 3

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


async def test_the_owners_functions_mind_the_claim_too(scene: Scene) -> None:
    """The owner's policy lets its functions see every row; the check of the claim must hold."""
    owner = await scene.database.connect_owner()
    await claim(owner, json.dumps({"org_id": str(scene.other_org_id)}))

    refusal = await scene.database.book(owner, scene.org_id, patient_name="Tom Taylor")

    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"

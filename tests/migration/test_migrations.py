"""Schema up and down, and what the runner refuses."""

import asyncio
from collections.abc import Callable
from importlib.resources import files

import asyncpg
import pytest

from tests.database import Database
from voxanne.postgres import migrate
from voxanne.postgres.migrate import (
    MigrationError,
    load_functions,
    load_migrations,
    migrate_down,
    migrate_up,
    migration_states,
    schema_is_current,
    schema_serves,
)

# Everything the schema consists of, as the catalogue prints it.
SCHEMA = """
SELECT 'column', table_name || '.' || column_name,
  concat_ws(' ', data_type, is_nullable, column_default, generation_expression)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'policy', tablename || '.' || policyname, concat_ws(' ', cmd, roles::text, qual, with_check)
FROM pg_policies
UNION ALL
SELECT 'grants', oid::regclass::text, concat(relrowsecurity, relforcerowsecurity, relacl::text)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v')
UNION ALL
SELECT 'function', oid::regprocedure::text, md5(pg_get_functiondef(oid)) || proacl::text
FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT 'type', typname, typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
ORDER BY 1, 2
"""
BOOKKEEPING = {"schema_migrations", "schema_functions"}


@pytest.fixture
async def owner(empty_database: Database) -> asyncpg.Connection:
    """The owner's session in a database without any schema."""
    return await empty_database.connect_owner()


async def schema(connection: asyncpg.Connection) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await connection.fetch(SCHEMA)]


async def functions(connection: asyncpg.Connection, name: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = $1", name
    )
    return [row[0] for row in rows]


async def row_versions(connection: asyncpg.Connection) -> list[object]:
    """Changes when a row of the bookkeeping or a function is written, even to the same."""
    return [
        await connection.fetch("SELECT xmin::text, name FROM schema_migrations ORDER BY name"),
        await connection.fetch("SELECT xmin::text, name FROM schema_functions ORDER BY name"),
        await connection.fetch(
            "SELECT xmin::text, oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
            "ORDER BY oid"
        ),
    ]


def test_every_way_up_has_a_way_down() -> None:
    names = [path.name for path in (files("voxanne") / "sql" / "migrations").iterdir()]
    ups = {name.removesuffix(".up.sql") for name in names if name.endswith(".up.sql")}
    downs = {name.removesuffix(".down.sql") for name in names if name.endswith(".down.sql")}

    assert ups == downs
    assert len(ups) + len(downs) == len(names)
    assert [m.version for m in load_migrations()] == list(range(1, len(ups) + 1))


async def test_up_on_an_empty_database(empty_database: Database, owner: asyncpg.Connection) -> None:
    assert await schema_is_current(owner) is False
    assert {state.state for state in await migration_states(owner)} == {"pending"}

    await migrate_up(owner)

    assert await schema_is_current(owner) is True
    assert {state.state for state in await migration_states(owner)} == {"applied"}
    api = await empty_database.connect_api()
    booking = await empty_database.book(api, await empty_database.organization())
    assert booking["success"] is True


async def test_the_owner_who_migrates_is_no_superuser(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)

    assert await owner.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is (
        False
    )
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind = 'r' AND relowner <> current_user::regrole"
        )
        == 0
    )


async def test_up_twice_writes_nothing(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    before = await row_versions(owner)
    said: list[str] = []

    await migrate_up(owner, said.append)

    assert await row_versions(owner) == before
    assert said == []


async def test_down_leaves_an_empty_schema_and_up_again_the_same(
    owner: asyncpg.Connection,
) -> None:
    await migrate_up(owner)
    before = await schema(owner)

    await migrate_down(owner, 0)

    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row[0] for row in tables} == BOOKKEEPING
    for name in BOOKKEEPING:
        assert await owner.fetchval(f"SELECT count(*) FROM {name}") == 0
    left = {(kind, name.partition(".")[0]) for kind, name, *_ in await schema(owner)}
    assert not [kind for kind, _ in left if kind in ("function", "policy")]
    assert {name for kind, name in left if kind == "extension"} == {"plpgsql"}
    assert await schema_is_current(owner) is False

    await migrate_up(owner)
    assert await schema(owner) == before


async def test_down_works_with_rows_in_the_tables(
    empty_database: Database, owner: asyncpg.Connection
) -> None:
    await migrate_up(owner)
    await empty_database.book(owner, await empty_database.organization())

    await migrate_down(owner, 0)

    assert await owner.fetchval("SELECT to_regclass('appointments')") is None


async def test_down_to_the_present_version_does_nothing(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    before = await row_versions(owner)

    await migrate_down(owner, load_migrations()[-1].version)

    assert await row_versions(owner) == before


async def test_a_migration_changed_after_it_was_applied_is_refused(
    owner: asyncpg.Connection,
) -> None:
    await migrate_up(owner)
    await owner.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")

    with pytest.raises(MigrationError, match="0001 core was changed"):
        await migrate_up(owner)

    assert (await migration_states(owner))[0].state == "modified"
    assert await schema_is_current(owner) is False


async def test_a_newer_releases_migration_is_refused(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    await owner.execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x')")

    with pytest.raises(MigrationError, match="0999 future"):
        await migrate_up(owner)

    assert await schema_is_current(owner) is False


async def test_a_refused_run_gives_the_lock_back(
    empty_database: Database, owner: asyncpg.Connection
) -> None:
    await migrate_up(owner)
    await owner.execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x')")
    with pytest.raises(MigrationError):
        await migrate_up(owner)
    await owner.execute("DELETE FROM schema_migrations WHERE version = 999")

    async with asyncio.timeout(5):
        await migrate_up(await empty_database.connect_owner())


async def test_a_migration_that_fails_leaves_nothing_half_done(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrate.Migration(99, "broken", "CREATE TABLE half (id integer); SELECT 1/0;", "")
    present = load_migrations()
    monkeypatch.setattr(migrate, "load_migrations", lambda: [*present, broken])

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate_up(owner)

    assert await owner.fetchval("SELECT to_regclass('half')") is None
    states = {state.version: state.state for state in await migration_states(owner)}
    assert (states[1], states[99]) == ("applied", "pending")


async def test_two_processes_may_migrate_at_once(empty_database: Database) -> None:
    sessions = [await empty_database.connect_owner() for _ in range(4)]

    await asyncio.gather(*(migrate_up(session) for session in sessions))

    assert await schema_is_current(sessions[0]) is True
    assert len(await functions(sessions[0], "book_appointment_atomic")) == 1


async def test_the_second_waits_for_the_first(
    empty_database: Database, owner: asyncpg.Connection
) -> None:
    other = await empty_database.connect_owner()
    await other.execute("SELECT pg_advisory_lock($1)", migrate.MIGRATION_LOCK)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(migrate_up(owner), timeout=0.3)

    assert await other.fetchval("SELECT to_regclass('organizations')") is None


Rewrite = Callable[[str], str]


def with_function(monkeypatch: pytest.MonkeyPatch, name: str, rewrite: Rewrite | None) -> None:
    """A release in which that function has another text, or is gone."""
    texts = dict(load_functions())
    text = texts.pop(name, "")
    if rewrite is not None:
        texts[name] = rewrite(text)
    monkeypatch.setattr(migrate, "load_functions", lambda: texts)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace("p_metadata jsonb DEFAULT '{}'", "p_metadata jsonb DEFAULT '[]'"),
        lambda text: text.replace(
            "p_metadata jsonb", "p_priority integer DEFAULT 0, p_metadata jsonb"
        ),
        lambda text: text.replace("  p_phone_verified boolean DEFAULT false,", "").replace(
            "p_phone_verified", "false"
        ),
    ],
    ids=["other default", "one parameter more", "one parameter less"],
)
async def test_a_changed_function_leaves_exactly_one(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, rewrite: Rewrite
) -> None:
    await migrate_up(owner)
    before = await functions(owner, "book_appointment_atomic")
    with_function(monkeypatch, "book_appointment_atomic", rewrite)
    assert await schema_is_current(owner) is False

    await migrate_up(owner)

    after = await functions(owner, "book_appointment_atomic")
    assert len(before) == len(after) == 1
    assert await schema_is_current(owner) is True
    row = await owner.fetchrow(
        "SELECT has_function_privilege('voxanne_api', oid, 'EXECUTE') AS api, "
        "obj_description(oid) AS comment FROM pg_proc WHERE proname = 'book_appointment_atomic'"
    )
    assert row is not None
    assert row["api"] is True
    assert "one and only" in row["comment"]


async def test_a_hand_made_overload_goes_when_the_function_is_replaced(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_up(owner)
    await owner.execute(
        "CREATE FUNCTION book_appointment_atomic(integer) RETURNS integer "
        "LANGUAGE sql AS 'SELECT 1'"
    )
    with_function(monkeypatch, "book_appointment_atomic", lambda text: f"-- later\n{text}")

    await migrate_up(owner)

    assert len(await functions(owner, "book_appointment_atomic")) == 1


async def test_a_function_that_the_release_drops_is_gone(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_up(owner)
    with_function(monkeypatch, "claim_forbids", None)

    await migrate_up(owner)

    assert await functions(owner, "claim_forbids") == []
    assert await schema_is_current(owner) is True


async def test_a_function_that_can_not_be_made_changes_nothing(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_up(owner)
    before = await schema(owner)
    with_function(monkeypatch, "refusal", lambda _: "CREATE FUNCTION refusal( oops")

    with pytest.raises(asyncpg.PostgresSyntaxError):
        await migrate_up(owner)

    assert await schema(owner) == before


async def test_the_template_of_the_tests_is_a_current_schema(database: Database) -> None:
    assert await schema_is_current(await database.connect_api()) is True


async def test_a_release_serves_while_a_newer_one_replaces_it(
    owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrate, then replace the processes: those of before must stay ready."""
    await migrate_up(owner)
    assert await schema_serves(owner, before=False) is True
    with_function(monkeypatch, "refusal", lambda text: f"-- other\n{text}")
    assert await schema_serves(owner, before=False) is False, "nobody migrated to this release"
    assert await schema_serves(owner, before=True) is True, "somebody migrated from this release"

    await owner.execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x')")
    assert await schema_serves(owner, before=False) is True, "a process of before that restarts"
    await owner.execute("DELETE FROM schema_functions WHERE name = 'hold_slot'")
    assert await schema_serves(owner, before=True) is False, "a function that it calls is gone"


async def test_a_release_does_not_serve_on_an_older_schema(owner: asyncpg.Connection) -> None:
    await migrate_up(owner)
    await owner.execute("DELETE FROM schema_migrations WHERE version = 10")
    assert await schema_serves(owner, before=True) is False

"""The roles that deploy/postgres/roles.sql makes: each can do its work and no more."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tests.acceptance.commands import Running, voxanne
from tests.database import book
from tests.recovery.clusters import cluster_with_roles
from voxanne.postgres.embedded import EmbeddedPostgres

KEY = "x" * 43 + "="
SECONDS_MAX = 20


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """As it comes, then with the roles; migrated by the owner, who may not make any."""
    with cluster_with_roles() as server:
        # Its unit gives it no directory of its own.
        settings = {"DATABASE_URL": server.url(), "VOXANNE_DATA_DIR": "/proc/none"}
        migrated = voxanne("migrate", "up", settings=settings, cwd=Path("/"))
        assert migrated.returncode == 0, migrated.stderr
        yield server


@pytest.fixture
async def owner(server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.url())
    yield connection
    await connection.close()


async def test_the_owner_is_no_more_than_an_owner(owner: asyncpg.Connection) -> None:
    role = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
    assert role is not None
    rights = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
    assert [right for right in rights if role[right]] == []


async def test_api_and_worker_need_only_the_apps_login(
    server: EmbeddedPostgres, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    """As in deploy/env/voxanne.env.example: both addresses are the app's."""
    app = server.url(user="voxanne_app")
    settings = {
        "DATABASE_URL": app,
        "VOXANNE_API_DATABASE_URL": app,
        "VOXANNE_ENV": "production",
        "VOXANNE_ENCRYPTION_KEYS": KEY,
        "VOXANNE_DATA_DIR": "/nonexistent",
    }
    readonly = tmp_path / "readonly"
    readonly.mkdir(mode=0o555)
    serving = Running("serve", "--with-worker", "--port", "0", settings=settings, cwd=readonly)
    try:
        base = serving.wait_for(r"Serving on (\S+)")[1]
        assert await asyncio.to_thread(ready, base)
        assert serving.end() == 0, serving.said
    finally:
        serving.kill_if_alive()
    assert "isn't this release's" not in serving.said
    assert "Error" not in serving.said
    assert list(readonly.iterdir()) == []


def ready(base: str) -> bool:
    """Asked again until it listens."""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        time.sleep(0.1)
    return False


async def test_the_app_writes_through_functions_alone(
    server: EmbeddedPostgres, owner: asyncpg.Connection
) -> None:
    clinic = await owner.fetchval("INSERT INTO organizations (name) VALUES ('A') RETURNING id")
    app = await asyncpg.connect(server.url(user="voxanne_app"))
    try:
        assert (await book(app, clinic))["success"] is True
        for statement in (
            "INSERT INTO organizations (name) VALUES ('B')",
            "UPDATE appointments SET status = 'cancelled'",
            "DELETE FROM leads",
            "SELECT * FROM credentials",
            "CREATE TABLE mine (id integer)",
            "SET ROLE voxanne",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
        assert await app.fetch("SELECT * FROM leads") == [], "no claim, no rows"
    finally:
        await app.close()


async def test_the_backup_reads_everything_and_writes_nothing(
    server: EmbeddedPostgres, owner: asyncpg.Connection
) -> None:
    backup = await asyncpg.connect(server.url(user="voxanne_backup"))
    try:
        counted = "SELECT count(*) FROM organizations"
        assert await backup.fetchval(counted) == await owner.fetchval(counted) > 0
        with pytest.raises(asyncpg.PostgresError):
            await backup.execute("DELETE FROM organizations")
        await backup.execute("SET default_transaction_read_only = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await backup.execute("DELETE FROM organizations")
    finally:
        await backup.close()

"""Fixtures of every folder: the server, a database per test, and no network but this machine's."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.database import READ_ONLY, Database, Server, start_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres-bin",
        type=Path,
        help="Run on this PostgreSQL (its bin directory) instead of the embedded one.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before pytest-socket reads them. Subprocesses are not affected."""
    config.option.disable_socket = True
    config.option.allow_unix_socket = True
    config.option.allow_hosts = config.option.allow_hosts or "127.0.0.1,::1"


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The run's PostgreSQL, with the migrated template; shared by the workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        base = base.parent
    server = start_server(base / "server", request.config.getoption("--postgres-bin"))
    yield server
    server.postgres.stop()


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    async with server.database() as database:
        yield database


@pytest.fixture
async def empty_database(server: Server) -> AsyncIterator[Database]:
    """A database of the test's own without any schema."""
    async with server.database("template0") as database:
        yield database


@pytest.fixture
async def owner(database: Database) -> asyncpg.Connection:
    return await database.connect_owner()


@pytest.fixture
async def api(database: Database) -> asyncpg.Connection:
    """A session as the API's, with no tenant's claim."""
    return await database.connect_api()


@pytest.fixture
async def organization(database: Database) -> UUID:
    """A bookable clinic: a row with a name."""
    return await database.organization()


@pytest.fixture
async def reader(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """The owner's session on a migrated, empty database: for the functions that write nothing."""
    connection = await asyncpg.connect(
        server.postgres.url(READ_ONLY),
        server_settings={"default_transaction_read_only": "on"},
    )
    yield connection
    await connection.close()

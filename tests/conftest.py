"""Fixtures of every folder: the server, a database per test, and no network but this machine's."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import READ_ONLY, Database, Server, start_server
from tests.directories import in_memory
from tests.fakes.prism import UNAVAILABLE
from tests.printed import Printed

SERVER_DIRECTORY = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres-bin",
        type=Path,
        help="Run on this PostgreSQL (its bin directory) instead of the embedded one.",
    )
    parser.addoption(
        "--fail-on-skip",
        action="store_true",
        help="A test that was skipped fails the run, unless it was for want of Prism.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before pytest-socket reads them. Subprocesses are not affected."""
    config.option.disable_socket = True
    config.option.allow_unix_socket = True
    config.option.allow_hosts = config.option.allow_hosts or "127.0.0.1,::1"
    directory = config.stash[SERVER_DIRECTORY] = server_directory(config)
    is_worker = hasattr(config, "workerinput")
    logs = (directory, "**/postgres.log*")
    config.pluginmanager.register(Printed(directory / "printed", is_worker=is_worker, logs=logs))
    # Started in the background of a script, we ignore Ctrl-C, and so would every command we start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def server_directory(config: pytest.Config) -> Path:
    """One for the run and its workers.

    Not below pytest's own: the server runs as another user when pytest is root, and each starting
    pytest takes that user's way into `pytest-of-root` away.
    """
    if hasattr(config, "workerinput"):
        return Path(config.workerinput["server_directory"])
    directory = Path(tempfile.mkdtemp(prefix="voxanne-tests-", dir=in_memory()))
    # Tests that start servers below tmp_path must not suffer from another run either.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(directory))
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
    return directory


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the server is."""
    node.workerinput["server_directory"] = str(node.config.stash[SERVER_DIRECTORY])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A check that was not made must not look like one that passed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--fail-on-skip"):
        return
    for skipped in reporter.stats.get("skipped", []):
        reason = skipped.longrepr[2]
        reporter.write_line(f"SKIPPED {skipped.nodeid}: {reason}", red=True)
        if not reason.startswith(f"Skipped: {UNAVAILABLE}"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The run's PostgreSQL, with the migrated template; shared by the workers of pytest-xdist."""
    directory = pytestconfig.stash[SERVER_DIRECTORY]
    server = start_server(directory, pytestconfig.getoption("--postgres-bin"))
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

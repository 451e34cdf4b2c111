"""Fixtures: the API in this process, and the same behind a socket.

`scratch` and `voice` share one database per file, emptied after each test; their tests run in the
file's loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`. `served` has one of its own.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.database import Database, Server
from tests.fakes.emulate import Emulate, running_or_skipped
from tests.integration.clinics import NOW, Api, open_clinic, running_api
from tests.integration.texting import SEED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files_api(server: Server) -> AsyncIterator[Api]:
    async with server.database() as database, running_api(database) as api:
        yield api


@pytest.fixture(scope="module")
def emulate() -> Iterator[Emulate]:
    """Twilio, as `texting.SEED` has it."""
    yield from running_or_skipped("twilio", SEED)


@pytest_asyncio.fixture(loop_scope="module")
async def scratch(files_api: Api) -> AsyncIterator[Database]:
    """The file's database, with nothing in it but its clock."""
    await files_api.database.empty()
    await files_api.database.set_clock(NOW)
    yield files_api.database


@pytest_asyncio.fixture(loop_scope="module")
async def voice(files_api: Api, scratch: Database) -> Api:
    """The API without a socket, at `clinics.NOW`, with one clinic in London."""
    return replace(files_api, clinic=await open_clinic(scratch))


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Api]:
    """The API behind a real server on 127.0.0.1, on a database of the test's own."""
    async with running_api(database, on_socket=True) as api:
        yield api

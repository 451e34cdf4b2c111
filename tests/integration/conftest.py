"""Fixtures: the API in this process, and the same behind a socket."""

from collections.abc import AsyncIterator

import pytest

from tests.database import Database
from tests.integration.clinics import Api, running_api


@pytest.fixture
async def voice(database: Database) -> AsyncIterator[Api]:
    """The API without a socket, at `clinics.NOW`, with one clinic in London."""
    async with running_api(database) as api:
        yield api


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Api]:
    """The same behind a real server on 127.0.0.1."""
    async with running_api(database, on_socket=True) as api:
        yield api

"""A served application with a clinic in it, and a browser; one of each per file."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.windows import CHROMIUM, Chromium, open_chromium
from tests.database import Server
from tests.integration.clinics import Api, running_api


@pytest.fixture(scope="module", autouse=True)
def _chromium_is_here() -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium isn't installed (Debian: apt-get install chromium)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(server: Server) -> AsyncIterator[Api]:
    """The application behind a socket, at clinics.NOW."""
    async with server.database() as database, running_api(database, on_socket=True) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(served: Api) -> AsyncIterator[Chromium]:
    async with open_chromium(str(served.http.base_url)) as opened:
        yield opened

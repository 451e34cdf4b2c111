"""A healthy deployment per file: what a test plants in it, it takes out again."""

import zoneinfo
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.database import Server
from tests.doctor.scenes import Deployment, whole_deployment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    async with (
        server.database() as database,
        whole_deployment(database, tmp_path_factory.mktemp("deployment")) as whole,
    ):
        yield whole


@pytest.fixture(autouse=True)
def own_zones() -> Iterator[None]:
    """Those of the tzdata package, however old the machine's are."""
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()

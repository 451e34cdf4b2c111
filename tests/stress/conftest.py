"""One database for all that is planted: each anomaly goes again with its transaction."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.database import Server
from tests.stress.rich import Scene, open_scene, play


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def scene(server: Server) -> AsyncIterator[Scene]:
    """Played to its end; for reading, and for changes that are rolled back."""
    async with server.database() as database:
        scene = await open_scene(database)
        await play(scene)
        yield scene

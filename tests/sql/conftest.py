"""The scenes that several of these tests share."""

import pytest

from tests.database import Database
from tests.sql.diary import NOW, Diary, open_clinic
from tests.sql.told import Webhooks
from tests.sql.wall import Scene, tenant


@pytest.fixture
async def diary(database: Database) -> Diary:
    """A clinic that is always open, with no practitioner of its own; it is Monday, 08:00."""
    return await open_clinic(database)


@pytest.fixture
async def scene(database: Database) -> Scene:
    """Two clinics with rows in every table."""
    org_id = await tenant(database, "Here")
    other_org_id = await tenant(database, "Elsewhere")
    return Scene(database, await database.connect_api(), org_id, other_org_id)


@pytest.fixture
async def webhooks(diary: Diary) -> Webhooks:
    """The diary's clinic, and what its webhooks are told."""
    await diary.set_clock(NOW)
    return Webhooks(diary)

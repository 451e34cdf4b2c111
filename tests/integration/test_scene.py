"""The clinic of browser tests and screenshots: all there is to see, and every page shows it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser import story
from tests.browser.scene import STAFF, Scene, fill
from tests.database import Server
from tests.integration.clinics import Api, Clinic, running_api
from tests.integration.front_desk import Desk, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNTS = {
    "appointments": ("status", {"held", "confirmed", "completed", "no_show", "cancelled"}),
    "deliveries": ("status", {"delivered", "sent", "failed", "queued"}),
    "calls": ("promise", {"none", "kept", "mismatch"}),
    "lead_scores": ("tier", {"hot", "warm", "cold"}),
    "texts": ("direction", {"in", "out"}),
    "calendar_connections": ("status", {"connected", "broken"}),
    "messages": ("status", {"new", "done"}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(server: Server) -> AsyncIterator[Api]:
    async with server.database() as database, running_api(database) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(api: Api) -> Scene:
    return await fill(api.database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(api: Api, scene: Scene) -> Desk:
    return await sign_in(api, "owner", email=STAFF, clinic=Clinic(scene.org_id, ""))


async def test_everything_happened(api: Api, scene: Scene) -> None:
    for table, (column, wanted) in COUNTS.items():
        found = await api.rows(
            f"SELECT DISTINCT {column} AS each FROM {table} WHERE org_id = $1", scene.org_id
        )
        assert {row["each"] for row in found} >= wanted, table
    appointments = "SELECT count(*) FROM appointments WHERE org_id = $1"
    assert await api.value(appointments, scene.org_id) >= 60
    assert await api.value(f"{appointments} AND overlap_allowed", scene.org_id) == 1
    assert await api.value(f"{appointments} AND patient_confirmed_at IS NOT NULL", scene.org_id) > 9
    assert set(scene.practitioners) == set(story.PRACTITIONERS)


async def test_numbers_and_addresses_are_nobodys(api: Api) -> None:
    rows = await api.rows("SELECT phone FROM leads UNION SELECT caller_phone FROM calls")
    phones = {row["phone"] for row in rows if row["phone"]}
    assert phones
    assert all(phone[5:9] == "5550" and phone[9] == "1" for phone in phones), phones


PAGES = [
    "/calendar",
    "/calendar?view=week",
    "/calendar?day=2026-11-26",
    "/appointments/{appointment}",
    "/appointments/new?day=2026-11-25&time=16:00",
    "/leads",
    "/leads?tier=hot",
    "/leads/{lead}",
    "/leads/{merged}",
    "/calls",
    "/calls/{call}",
    "/calls/call-spanish",
    "/delivery",
    "/metrics?days=14",
    "/audit",
    "/settings",
    "/settings/clinic",
    "/settings/lines",
    "/settings/connections",
    "/settings/messages",
    "/settings/hooks",
    "/settings/staff",
    "/settings/scores",
    "/settings/retention",
]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_shows_it(api: Api, scene: Scene, desk: Desk, path: str) -> None:
    ids = {
        "appointment": scene.appointments["Noah Haddad"],
        "lead": scene.leads["Samuel Tanaka"],
        "merged": scene.leads["Robert Brown"],
        "call": scene.calls["Omar Kowalski"],
    }
    answer = await api.http.get(desk.url(path.format(**ids)), headers=desk.cookies)
    assert answer.status_code == 200, answer.text
    assert "Harbor Dental" in answer.text

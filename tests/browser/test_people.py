"""A person's page in a browser: the timeline, two who are one, and one who is erased."""

from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.windows import Chromium
from tests.integration.clinics import Api
from tests.integration.front_desk import Desk, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Household:
    """Two names on one number, each with an appointment."""

    desk: Desk
    maya: UUID
    mia: UUID


@pytest_asyncio.fixture(loop_scope="module")
async def household(served: Api) -> Household:
    clinic = await served.open_clinic()
    desk = await sign_in(served, "owner", clinic=clinic)
    found = []
    for name, at in (("Maya Okafor", "10:00"), ("Mia Okafor", "14:00")):
        answer = await served.book(
            clinic.bearer, name=name, scheduledAt=f"2026-11-26T{at}", call_id=f"call at {at}"
        )
        assert answer["success"], answer
        found.append(UUID(answer["contactId"]))
    return Household(desk, *found)


async def test_a_timeline_is_read(chromium: Chromium, household: Household) -> None:
    desk = household.desk
    async with chromium.window(desk) as page:
        await page.goto(desk.url("/leads"))
        await page.get_by_role("link", name="Maya Okafor").click()
        timeline = page.locator("#timeline")
        await expect(timeline).to_contain_text("Booked")
        await expect(timeline).not_to_contain_text("Mia")
        await page.get_by_label("Note").fill("Prefers <script>alert(1)</script> mornings")
        await page.get_by_role("button", name="Add the note").click()
        await expect(timeline).to_contain_text("Prefers <script>alert(1)</script> mornings")


async def test_two_are_one_and_two_again(chromium: Chromium, household: Household) -> None:
    desk = household.desk
    async with chromium.window(desk) as page:
        await page.goto(desk.url(f"/leads/{household.maya}"))
        visits = page.locator("#timeline li", has_text="Booked")
        await expect(visits).to_have_count(1)
        await page.get_by_text("Merge with somebody").click()
        await page.get_by_role("radio", name="Mia Okafor").check()
        await page.get_by_role("button", name="Merge into Maya Okafor").click()
        await expect(visits).to_have_count(2)
        # Whoever follows an old link comes here.
        await page.goto(desk.url(f"/leads/{household.mia}"))
        assert str(household.maya) in page.url
        await page.get_by_role("button", name="Undo").first.click()
        await expect(visits).to_have_count(1)


async def test_a_person_is_erased(served: Api, chromium: Chromium, household: Household) -> None:
    desk = household.desk
    async with chromium.window(desk) as page:
        await page.goto(desk.url(f"/leads/{household.maya}"))
        await page.get_by_role("link", name="Erase").click()
        await page.get_by_label("Write their name to confirm").fill("Maya Okafor")
        await page.get_by_role("button", name="Erase this person").click()
        # What is to come is cancelled only when that is said.
        await page.get_by_label("Cancel it").check()
        await page.get_by_role("button", name="Erase this person").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("eras", ignore_case=True)
        answer = await page.goto(desk.url(f"/leads/{household.maya}"))
        assert answer is not None
        assert answer.status == 404
    left = await served.rows("SELECT name FROM leads WHERE org_id = $1", desk.clinic.id)
    assert [row["name"] for row in left] == ["Mia Okafor"]
    about = await served.rows(
        "SELECT status, contact_id, metadata::text FROM appointments WHERE org_id = $1 "
        "AND contact_id IS NULL",
        desk.clinic.id,
    )
    assert [row["status"] for row in about] == ["cancelled"]
    assert "Maya" not in about[0]["metadata"]

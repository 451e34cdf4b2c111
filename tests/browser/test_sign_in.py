"""Signing in, in a browser: by the link an owner gives, then by password."""

import pytest
from playwright.async_api import expect

from tests.browser.windows import Chromium, violations
from tests.integration.clinics import Api
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "three quiet herons at dawn"


async def test_somebody_new_comes_in(served: Api, chromium: Chromium) -> None:
    owner = await sign_in(served, "owner")
    async with chromium.window(owner) as page:
        await page.goto(owner.url("/settings/staff"))
        await page.get_by_label("E-mail").fill("Robin@Clinic.Example")
        await page.get_by_label("Role").first.select_option("read_only")
        await page.get_by_role("button", name="Add", exact=True).click()
        link = await page.get_by_label("One-time sign-in link").input_value()
    async with chromium.window() as page:
        await page.goto(link)
        assert await violations(page) == []
        await page.get_by_label("Choose a password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("navigation", name="Dashboard")).to_be_visible()
        # Who only looks isn't shown how to change anything.
        await expect(page.get_by_role("link", name="New appointment")).to_have_count(0)
        await page.locator("details.who summary").click()
        await page.get_by_role("button", name="Sign out").click()

        await page.goto(owner.url("/leads?q=okafor"))
        await page.get_by_label("E-mail").fill("robin@clinic.example")
        await page.get_by_label("Password", exact=True).fill("three noisy herons at dawn")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        # Where they wanted to be.
        await page.wait_for_url("**/leads?q=okafor")

        await page.goto(link)
        await expect(page.get_by_label("Choose a password")).to_have_count(0)

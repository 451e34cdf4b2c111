"""Signing in, in a browser."""

import pytest

from tests.browser.windows import Chromium, violations
from tests.integration.clinics import Api
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_page_opens(served: Api, chromium: Chromium) -> None:
    desk = await sign_in(served)
    async with chromium.window(desk) as page:
        await page.goto(desk.url("/calendar"))
        assert await page.title() == "Calendar · Harbor Dental"
        print(await violations(page))

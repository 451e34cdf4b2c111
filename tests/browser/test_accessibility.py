"""Every page by the rules of WCAG 2.2 AA, as far as axe-core can see them: light and dark, on a
phone and on a desk.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.harbor import Harbor, open_harbor
from tests.browser.windows import PHONE, WIDE, Chromium, Scheme, open_chromium, violations
from tests.database import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harbor(server: Server) -> AsyncIterator[Harbor]:
    async with open_harbor(server) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(harbor: Harbor) -> AsyncIterator[Chromium]:
    async with open_chromium(str(harbor.api.http.base_url)) as opened:
        yield opened


async def sideways(page: Page) -> bool:
    """Whether the page itself has to be scrolled sideways, which nobody does on a phone."""
    wide: bool = await page.evaluate(
        "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wide


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "desk"])
async def test_every_page(harbor: Harbor, chromium: Chromium, size: tuple[int, int]) -> None:
    wrong: dict[str, list[str]] = {}
    async with chromium.window(harbor.desk, size=size) as page:
        for path, address in harbor.pages.items():
            answer = await page.goto(address)
            assert answer is not None
            found = [] if answer.ok else [f"answers {answer.status}"]
            found += ["is wider than the window"] if await sideways(page) else []
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                found += [f"{scheme}: {violation}" for violation in await violations(page)]
            if found:
                wrong[path] = found
    assert not wrong, "\n".join(f"{path}\n  " + "\n  ".join(said) for path, said in wrong.items())


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_an_open_panel_and_the_pages_outside(
    harbor: Harbor, chromium: Chromium, scheme: Scheme
) -> None:
    async with chromium.window(harbor.desk, scheme=scheme) as page:
        await page.goto(harbor.desk.url("/calendar"))
        await page.locator(".appt", has_text="Noah Haddad").click()
        await expect(page.locator("#panel")).to_contain_text("Whitening")
        assert await violations(page) == []
        await page.goto(harbor.desk.url("/leads/00000000-0000-4000-8000-000000000000"))
        assert await violations(page) == []
    async with chromium.window(scheme=scheme) as page:
        for address in ("/sign-in", "/sign-in/no-such-link"):
            await page.goto(address)
            assert await violations(page) == []

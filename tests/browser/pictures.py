"""Pictures of every page, for the README: `make pictures` writes docs/pictures. No test in here."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.harbor import SHOWN, open_harbor
from tests.browser.windows import CHROMIUM, PHONE, open_chromium
from tests.database import Server

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"

Act = Callable[[Page], Coroutine[Any, Any, None]]


async def _open_panel(page: Page) -> None:
    await page.locator(".appt", has_text=SHOWN).first.click()
    await expect(page.locator("#panel")).to_contain_text("What happened")


async def _nothing(_page: Page) -> None:
    pass


def file_name(path: str) -> str:
    """`/settings/clinic/hours` → `settings-clinic-hours`."""
    return re.sub(r"[^a-z]+", "-", path.lower()).strip("-")


async def test_pictures(server: Server) -> None:
    assert CHROMIUM.exists()
    FOLDER.mkdir(exist_ok=True)
    async with (
        open_harbor(server) as harbor,
        open_chromium(str(harbor.api.http.base_url)) as chromium,
    ):

        async def take(name: str, address: str, act: Act = _nothing, **window: Any) -> None:
            async with chromium.window(harbor.desk, **window) as page:
                await page.goto(address, wait_until="load")
                if await page.locator("#live").count():
                    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
                await act(page)
                await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")

        for path, address in harbor.pages.items():
            await take(file_name(path), address)
        day = harbor.pages["/calendar"]
        await take("calendar-dark", day, _open_panel, scheme="dark")
        await take(
            "calendar-phone",
            day,
            _open_panel,
            scheme="dark",
            size=PHONE,
            device_scale_factor=2,
        )


# The file is no test file by its name, so that no run of the tests writes pictures.
pytestmark = pytest.mark.asyncio(loop_scope="function")

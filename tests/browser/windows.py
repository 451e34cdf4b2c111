"""Browsers for tests: windows of Chromium on the served application, and axe-core's verdict on what
they show. No test in here.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, async_playwright

from tests.fakes.node import install
from tests.integration.front_desk import COOKIE, Desk

CHROMIUM = Path("/usr/bin/chromium")
# A closed network and a machine without a screen: nothing is looked up that wasn't asked for.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = (1440, 900)
PHONE = (390, 844)
WAIT_MS_MAX = 10_000
# WCAG 2.2 AA, and what came before it.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")

Scheme = Literal["light", "dark"]

# While axe looks: it tries styles of its own, which the page's policy forbids.
_looked_at: set[Page] = set()


@dataclass(frozen=True)
class Chromium:
    """A running browser. `address`: where the application is served."""

    browser: Browser
    address: str

    @contextlib.asynccontextmanager
    async def window(
        self,
        desk: Desk | None = None,
        *,
        size: tuple[int, int] = WIDE,
        scheme: Scheme = "light",
        timezone: str = "America/New_York",
        scripts: bool = True,
        **options: Any,
    ) -> AsyncIterator[Page]:
        """A page of its own profile, signed in as `desk`. It fails the test when a script fails,
        or when the page's own policy forbids something that it does.
        """
        width, height = size
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            timezone_id=timezone,
            java_script_enabled=scripts,
            reduced_motion="reduce",
            base_url=self.address,
            **options,
        )
        context.set_default_timeout(WAIT_MS_MAX)
        if desk is not None:
            await context.add_cookies(
                [{"name": COOKIE, "value": desk.token, "url": self.address, "httpOnly": True}]
            )
        page = await context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: (
                wrong.append(said.text)
                if said.type == "error"
                and "Content Security Policy" in said.text
                and page not in _looked_at
                else None
            ),
        )
        try:
            yield page
        finally:
            await context.close()
        assert not wrong, wrong


@contextlib.asynccontextmanager
async def open_chromium(address: str) -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield Chromium(browser, address)
        finally:
            await browser.close()


@cache
def _axe() -> str:
    folder = install(Path(__file__).parent / "axe_node")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with what is shown: each rule, and where."""
    _looked_at.add(page)
    await page.evaluate(_axe())
    found = await page.evaluate(
        "rules => axe.run({runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})",
        list(RULES),
    )
    _looked_at.remove(page)
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]

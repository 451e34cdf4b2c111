"""A calendar is connected in a browser, through the consent page of a Google that others wrote."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.windows import Chromium
from tests.database import Server
from tests.fakes.emulate import Emulate, running_or_skipped
from tests.integration.clinics import Api, running_api
from tests.integration.front_desk import sign_in
from voxanne.inbound.callbacks.google import CONSENT_PATH

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT = ("clinic.apps.googleusercontent.com", "a-secret-of-ours")


@pytest.fixture(scope="module")
def port() -> int:
    """One that is free: Google must know where its consent page leads back to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture(scope="module")
def emulate(port: int) -> Iterator[Emulate]:
    seed = {
        "oauth_clients": [
            {
                "client_id": CLIENT[0],
                "client_secret": CLIENT[1],
                "name": "Voxanne",
                "redirect_uris": [f"http://127.0.0.1:{port}{CONSENT_PATH}"],
            }
        ]
    }
    yield from running_or_skipped("google", seed)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(server: Server, emulate: Emulate, port: int) -> AsyncIterator[Api]:
    async with (
        server.database() as database,
        running_api(
            database,
            on_socket=True,
            port=port,
            google_client_id=CLIENT[0],
            google_client_secret=CLIENT[1],
            google_consent_url=f"{emulate.url}/o/oauth2/v2/auth",
            google_oauth_url=f"{emulate.url}/oauth2",
            google_calendar_url=f"{emulate.url}/calendar/v3",
        ) as api,
    ):
        yield api


async def test_a_google_calendar_is_connected(served: Api, chromium: Chromium) -> None:
    desk = await sign_in(served, "owner")
    async with chromium.window(desk) as page:
        await page.goto(desk.url("/settings/connections"))
        await expect(page.get_by_text("No calendar is connected yet.")).to_be_visible()
        await page.get_by_role("button", name="Go to Google").click()
        await page.get_by_role("button", name="testuser@gmail.com").click()
        await page.get_by_role("link", name="Back to the calendars").click()
        row = page.get_by_role("row", name="Google")
        await expect(row.locator(".badge")).to_contain_text("not read yet")
        await row.get_by_text("Disconnect…").click()
        await row.get_by_role("button", name="Disconnect", exact=True).click()
        await expect(page.get_by_text("No calendar is connected yet.")).to_be_visible()

"""Consent, tokens and their end at a Google that other people wrote (emulate 0.12.2)."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.database import Database
from tests.fakes.emulate import Emulate, running_or_skipped
from tests.integration.clinics import Api, running_api
from voxanne.booking.functions import call
from voxanne.deliveries.calendar import AccessError, Connection, read_connection
from voxanne.deliveries.google_connect import Google
from voxanne.deliveries.google_tokens import GoogleClient

STAFF = "testuser@gmail.com"  # whom it always knows
CLIENT = ("clinic.apps.googleusercontent.com", "a-secret-of-ours")
SEED = {
    "oauth_clients": [
        {
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "name": "Voxanne",
            "redirect_uris": ["https://clinic.test/oauth/google/callback"],
        }
    ],
}


@pytest.fixture(scope="module")
def emulate() -> Iterator[Emulate]:
    yield from running_or_skipped("google", SEED)


@pytest.fixture
async def api(database: Database, emulate: Emulate) -> AsyncIterator[Api]:
    emulate.reset()
    async with running_api(
        database,
        google_client_id=CLIENT[0],
        google_client_secret=CLIENT[1],
        google_consent_url=f"{emulate.url}/o/oauth2/v2/auth",
        google_oauth_url=f"{emulate.url}/oauth2",
        google_calendar_url=f"{emulate.url}/calendar/v3",
        public_url="https://clinic.test",
    ) as api:
        yield api


async def consent(emulate: Emulate, url: str) -> str:
    """Press the button with the first user's name."""
    async with httpx2.AsyncClient() as browser:
        page = await browser.get(url)
        assert page.status_code == 200, page.text
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        form = {name: value.replace("&amp;", "&") for name, value in reversed(hidden)}
        assert form["email"] == STAFF
        answer = await browser.post(f"{emulate.url}/o/oauth2/v2/auth/callback", data=form)
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


async def test_consent_renewal_and_its_end(api: Api, emulate: Emulate) -> None:
    admin = await api.new_key(api.clinic, "admin")
    begun = await api.post("/v1/calendars/google/connect", {}, admin.bearer)
    assert begun.status_code == 201, begun.text
    page = await api.http.get(await consent(emulate, begun.json()["url"]))
    assert page.status_code == 200, page.text

    # The token lapses, and is renewed; the refresh token stays.
    await api.value("UPDATE calendar_connections SET access_expires_at = '2020-01-01'")
    before = await stored(api)
    client = GoogleClient(*CLIENT, f"{emulate.url}/oauth2", f"{emulate.url}/calendar/v3")
    async with httpx2.AsyncClient() as http:
        google = Google(client, http, api.pool, api.fernet)
        renewed = await google.calendar(await connection(api)).access.token()
        after = await stored(api)
        assert renewed == after["access_token"] != before["access_token"]
        assert after["refresh_token"] == before["refresh_token"]

        # Staff take the consent back.
        revoked = await http.post(
            f"{emulate.url}/oauth2/revoke", data={"token": after["refresh_token"]}
        )
        assert revoked.status_code == 200
        await api.value("UPDATE calendar_connections SET access_expires_at = '2020-01-01'")
        with pytest.raises(AccessError, match="connect the calendar again") as refused:
            await google.calendar(await connection(api)).access.token()
    assert refused.value.error_code == "invalid_grant"


async def stored(api: Api) -> dict[str, str]:
    encrypted = await api.value("SELECT credentials FROM calendar_connections")
    read: dict[str, str] = json.loads(api.fernet.decrypt(encrypted))
    return read


async def connection(api: Api) -> Connection:
    id_ = await api.value("SELECT id FROM calendar_connections")
    answer = await call(
        api.pool,
        "lease_credentials",
        {
            "p_org_id": api.clinic.id,
            "p_connection_id": id_,
            "p_credentials_version": 0,
            "p_lease_seconds": 1,
        },
    )
    return read_connection(api.fernet, api.clinic.id, answer["connection"])

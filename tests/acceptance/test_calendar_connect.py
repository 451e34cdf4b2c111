"""`voxanne calendar connect`, `list` and `disconnect`, with Google's consent in between."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.fakes.google_calendar import CALENDAR_PATH, CLIENT_ID, CLIENT_SECRET, fake_google
from tests.integration.clinics import connected_app, in_process, settings_for

KEY = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="


async def test_a_calendar_is_connected_listed_and_disconnected(
    database: Database, tmp_path: Path
) -> None:
    org_id = await database.organization(name="Harbor Dental")
    await database.practitioner(org_id, name="Dr Grey")
    async with fake_google() as google, httpx2.AsyncClient() as browser:
        chosen = {
            "encryption_keys": KEY,
            "google_client_id": CLIENT_ID,
            "google_client_secret": CLIENT_SECRET,
            "google_consent_url": f"{google.url}/o/oauth2/v2/auth",
            "google_oauth_url": google.url,
            "google_calendar_url": google.url + CALENDAR_PATH,
            "public_url": "https://voice.example.com",
        }
        settings = {f"VOXANNE_{name.upper()}": said for name, said in chosen.items()}
        settings["DATABASE_URL"] = database.owner_url

        def calendar(*arguments: str) -> Any:
            return voxanne("calendar", *arguments, settings=settings, cwd=tmp_path)

        asked = parsed(calendar("connect", "Harbor Dental", "--practitioner", "grey", "--json"))
        page = await browser.get(asked["url"])
        back = urlsplit(page.headers["location"])
        assert back.netloc == "voice.example.com"
        api = settings_for(database.owner_url, **chosen)
        async with connected_app(api, database.owner_url) as (app, _, _), in_process(app) as http:
            assert (await http.get(f"{back.path}?{back.query}")).status_code == 200

    (connected,) = parsed(calendar("list", str(org_id), "--json"))
    assert (connected["practitioner_name"], connected["status"]) == ("Dr Grey", "connected")
    assert re.search(r"Dr Grey +google +primary +connected", calendar("list", str(org_id)).stdout)
    nobody = calendar("connect", "Harbor Dental", "--practitioner", "Dr Nobody")
    assert_fails(nobody, "'Dr Nobody' means 0 practitioners")
    assert calendar("disconnect", "Harbor Dental", connected["id"]).returncode == 0
    assert_fails(calendar("disconnect", "Harbor Dental", connected["id"]), "There is no calendar")
    assert parsed(calendar("list", "Harbor Dental", "--json")) == []


def test_without_a_client_at_google_it_says_what_to_set(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": "postgresql://nowhere.invalid/x"}
    done = voxanne("calendar", "connect", "Harbor Dental", settings=settings, cwd=tmp_path)
    assert_fails(done, "VOXANNE_GOOGLE_CLIENT_ID", code=2)

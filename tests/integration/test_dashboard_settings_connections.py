"""Calendars from the dashboard: through Google's consent page and back, CalDAV, health, feeds."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.database import Database
from tests.fakes.google_calendar import CALENDAR_PATH, CLIENT_ID, CLIENT_SECRET, fake_google
from tests.integration.clinics import Api, running_api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, submit, words

CONNECTIONS = "/settings/connections"
PASSWORD = "an-app-password-to-hide"
SCRIPT = "<script>alert('x')</script>"
CALDAV = {
    "caldav-address": "https://cloud.example.com",
    "caldav-user": "amara",
    "caldav-password": PASSWORD,
    "caldav-calendar": "Practice",
}


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """Google is the fake, and the deployment has an address."""
    async with fake_google() as google:
        settings: dict[str, Any] = {
            "google_client_id": CLIENT_ID,
            "google_client_secret": CLIENT_SECRET,
            "google_consent_url": f"{google.url}/o/oauth2/v2/auth",
            "google_oauth_url": google.url,
            "google_calendar_url": google.url + CALENDAR_PATH,
            "public_url": "http://clinic.test",
        }
        async with running_api(database, **settings) as api:
            yield api


@pytest.fixture
async def owner(api: Api) -> Desk:
    return await sign_in(api)


async def connections(api: Api) -> list[dict[str, Any]]:
    return await api.rows(
        "SELECT practitioner_id, vendor, calendar, account, credentials FROM calendar_connections "
        "WHERE status <> 'disconnected' ORDER BY created_at"
    )


async def test_a_google_calendar_is_connected_seen_and_disconnected(api: Api, owner: Desk) -> None:
    page = await owner.get(CONNECTIONS)
    policy = page.headers["content-security-policy"]
    practitioner = str(await api.value("SELECT id FROM practitioners"))
    answer = await submit(
        owner, CONNECTIONS, {"practitioner": practitioner}, action=f"{CONNECTIONS}/google"
    )
    assert answer.status_code == 303
    url = answer.headers["location"]
    # Browsers hold a form's redirects to the policy too.
    origin = f"http://{urlsplit(url).netloc}"
    assert f"form-action 'self' {origin};" in policy
    async with httpx2.AsyncClient() as browser:
        consented = await browser.get(url)
    back = urlsplit(consented.headers["location"])
    landed = await api.http.get(f"{back.path}?{back.query}")
    assert landed.status_code == 200
    assert f'<a href="/clinic/{api.clinic.id}{CONNECTIONS}">' in landed.text
    (connected,) = await connections(api)
    assert (str(connected["practitioner_id"]), connected["vendor"]) == (practitioner, "google")
    said = words((await owner.get(CONNECTIONS)).text)
    assert "Google Calendar: primary" in said
    assert "not read yet" in said

    opened = await owner.get(CONNECTIONS)
    _, _, rest = opened.text.partition(f"{CONNECTIONS}/")
    calendar = rest.partition("/")[0]
    answer = await owner.post(f"{CONNECTIONS}/{calendar}/disconnect")
    assert answer.headers["location"].endswith("done=disconnected")
    assert await connections(api) == []
    assert (await owner.post(f"{CONNECTIONS}/{calendar}/disconnect")).status_code == 404
    actions = [row["action"] for row in await api.rows("SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["calendar_consent_asked", "calendar_disconnected"]


async def test_health_is_told_in_words_with_what_to_do(api: Api, owner: Desk) -> None:
    await submit(owner, CONNECTIONS, CALDAV, action=f"{CONNECTIONS}/caldav")
    await api.value(
        "UPDATE calendar_connections SET status = 'broken', error_code = 'unauthorized', "
        "error = 'The server refuses the password.' RETURNING 1"
    )
    said = words((await owner.get(CONNECTIONS)).text)
    assert "broken The server refuses the password. Connect it again with a new password." in said
    await api.value(
        "UPDATE calendar_connections SET status = 'connected', error = NULL, "
        "synced_at = current_moment() - interval '2 hours' RETURNING 1"
    )
    assert "not read for long" in words((await owner.get(CONNECTIONS)).text)


async def test_a_caldav_calendar_is_connected_and_its_password_hidden(
    api: Api, owner: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await submit(owner, CONNECTIONS, CALDAV, action=f"{CONNECTIONS}/caldav")
    assert answer.headers["location"].endswith("done=connected")
    (made,) = await connections(api)
    assert (made["vendor"], made["account"]) == ("caldav", "amara")
    assert json.loads(api.fernet.decrypt(made["credentials"])) == {
        "user": "amara",
        "password": PASSWORD,
        "calendar": "Practice",
        "timezone": "Europe/London",
    }
    seen = (await owner.get(CONNECTIONS)).text + capsys.readouterr().out
    assert PASSWORD not in seen
    assert PASSWORD not in str(await api.rows("SELECT * FROM audit_log"))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("caldav-address", ""),
        ("caldav-address", "cloud.example.com"),
        ("caldav-address", "https://10.0.0.1/"),
        ("caldav-address", SCRIPT),
        ("caldav-user", ""),
        ("caldav-user", "x" * 321),
        ("caldav-password", ""),
        ("caldav-calendar", "x" * 321),
    ],
)
async def test_what_is_wrong_is_said_beside_it(
    api: Api, owner: Desk, field: str, said: str
) -> None:
    sent = CALDAV | {field: said}
    answer = await submit(owner, CONNECTIONS, sent, action=f"{CONNECTIONS}/caldav")
    assert answer.status_code == 422
    assert error_beside(answer.text, field), words(answer.text)
    assert PASSWORD not in answer.text
    assert SCRIPT not in answer.text
    assert await connections(api) == []
    if field == "caldav-address":
        kept = form(answer.text, f"{CONNECTIONS}/caldav")
        assert (kept[field], kept["caldav-user"]) == ([said], ["amara"])


async def test_a_wrong_google_calendar_is_said_beside_it(api: Api, owner: Desk) -> None:
    sent = {"google-calendar": "x" * 1001}
    answer = await submit(owner, CONNECTIONS, sent, action=f"{CONNECTIONS}/google")
    assert answer.status_code == 422
    assert error_beside(answer.text, "google-calendar")
    assert await api.value("SELECT count(*) FROM oauth_states") == 0


async def test_whose_it_is_must_be_the_clinics(api: Api, owner: Desk) -> None:
    other = await api.open_clinic()
    theirs = await api.value("SELECT id FROM practitioners WHERE org_id = $1", other.id)
    for who, status in ((str(theirs), 404), (str(uuid4()), 404), ("nobody", 422), (SCRIPT, 422)):
        for path, fields in (("google", {}), ("caldav", CALDAV)):
            answer = await owner.post(f"{CONNECTIONS}/{path}", {**fields, "practitioner": who})
            assert answer.status_code == status
            assert SCRIPT not in answer.text
    assert await connections(api) == []
    assert await api.value("SELECT count(*) FROM oauth_states") == 0
    for path in (f"feeds/{theirs}", f"feeds/{theirs}/close", f"{theirs}/disconnect"):
        assert (await owner.post(f"{CONNECTIONS}/{path}")).status_code == 404


async def test_script_in_a_calendars_name_is_text(owner: Desk) -> None:
    sent = CALDAV | {"caldav-user": SCRIPT}
    assert (await owner.post(f"{CONNECTIONS}/caldav", sent)).status_code == 303
    page = await owner.get(CONNECTIONS)
    assert SCRIPT not in page.text
    assert SCRIPT in words(page.text)


async def test_a_feed_is_opened_replaced_and_closed(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = await sign_in(api, "owner")
    practitioner = await api.value("SELECT id FROM practitioners")
    path = f"{CONNECTIONS}/feeds/{practitioner}"
    first, second = [address_in((await desk.post(path)).text) for _ in range(2)]
    assert first != second
    assert (await api.http.get(urlsplit(first).path)).status_code == 404
    assert (await api.http.get(urlsplit(second).path)).status_code == 200
    page = await desk.get(CONNECTIONS)
    token = urlsplit(second).path.rpartition("/")[2]
    assert token not in page.text
    assert "open since" in words(page.text)
    answer = await desk.post(f"{path}/close")
    assert answer.headers["location"].endswith("done=closed")
    assert (await api.http.get(urlsplit(second).path)).status_code == 404
    assert (await desk.post(f"{path}/close")).status_code == 404
    assert token not in str(await api.rows("SELECT * FROM audit_log"))


def address_in(html: str) -> str:
    _, _, rest = html.partition('id="f-feed" value="')
    return rest.partition('"')[0]


async def test_who_may_change_what(api: Api, owner: Desk) -> None:
    practitioner: UUID = await api.value("SELECT id FROM practitioners")
    for role in ("staff", "read_only"):
        desk = await sign_in(api, role)
        page = await desk.get(CONNECTIONS)
        assert page.status_code == 200
        assert "Connect a CalDAV" not in words(page.text)
        for path in ("google", "caldav", f"{uuid4()}/disconnect"):
            assert (await desk.post(f"{CONNECTIONS}/{path}", CALDAV)).status_code == 403
    reader = await sign_in(api, "read_only")
    for path in (f"feeds/{practitioner}", f"feeds/{practitioner}/close"):
        assert (await reader.post(f"{CONNECTIONS}/{path}")).status_code == 403


async def test_without_google_the_page_says_who_sets_it_up(database: Database) -> None:
    async with running_api(database) as api:
        desk = await sign_in(api)
        assert "Google isn't set up" in words((await desk.get(CONNECTIONS)).text)
        answer = await desk.post(f"{CONNECTIONS}/google", {"google-calendar": "primary"})
        assert answer.status_code == 422
        assert "VOXANNE_GOOGLE_CLIENT_ID" in words(answer.text)

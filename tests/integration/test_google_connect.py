"""Through Google's consent page and back, push channels, and what forged callbacks get."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.database import HOUR, START, Database
from tests.fakes.google_calendar import (
    CALENDAR_PATH,
    CLIENT_ID,
    CLIENT_SECRET,
    SCOPE,
    FakeGoogle,
    fake_google,
)
from tests.integration.clinics import Api, Clinic, in_process, running_api, settings_for
from tests.integration.google_clinic import GoogleClinic, google_clinic, timed
from voxanne.app import create_app
from voxanne.deliveries.calendar import CalendarSender
from voxanne.deliveries.calendar_sync import CalendarSync
from voxanne.outbox.worker import Worker
from voxanne.work import open_calendars

CONNECT = "/v1/calendars/google/connect"


@pytest.fixture
async def google() -> AsyncIterator[FakeGoogle]:
    async with fake_google() as google:
        yield google


@pytest.fixture
async def api(database: Database, google: FakeGoogle) -> AsyncIterator[Api]:
    """An administrator's; Google is the fake."""
    settings: dict[str, Any] = {
        "google_client_id": CLIENT_ID,
        "google_client_secret": CLIENT_SECRET,
        "google_consent_url": f"{google.url}/o/oauth2/v2/auth",
        "google_oauth_url": google.url,
        "google_calendar_url": google.url + CALENDAR_PATH,
        "public_url": "https://clinic.test",
    }
    async with running_api(database, **settings) as api:
        yield replace(api, clinic=await api.new_key(api.clinic, "admin"))


async def begin(api: Api, **body: object) -> str:
    reply = await api.post(CONNECT, body)
    assert reply.status_code == 201, reply.text
    url: str = reply.json()["url"]
    return url


async def consent(url: str) -> str:
    """What Google's page sends the browser to, without our host."""
    async with httpx2.AsyncClient() as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302
    parts = urlsplit(answer.headers["location"])
    assert (parts.scheme, parts.netloc) == ("https", "clinic.test")
    return f"{parts.path}?{parts.query}"


async def connected(api: Api) -> list[dict[str, object]]:
    reply = await api.http.get("/v1/calendars", headers=api.clinic.bearer)
    items: list[dict[str, object]] = reply.json()["items"]
    return items


async def test_a_calendar_is_connected_and_written(api: Api, google: FakeGoogle) -> None:
    """The whole way, composed as the product is: consent, booking, delivery, mirror."""
    url = await begin(api)
    asked = {name: said for name, (said,) in parse_qs(urlsplit(url).query).items()}
    assert asked["scope"] == SCOPE
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")

    page = await api.http.get(await consent(url))

    assert page.status_code == 200
    assert "The calendar is connected" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    (calendar,) = await connected(api)
    assert (calendar["status"], calendar["calendar"]) == ("connected", "primary")
    assert (calendar["synced_at"], calendar["stale"]) == (None, True)

    await api.book()
    settings = settings_for(
        api.database.owner_url,
        google_client_id=CLIENT_ID,
        google_client_secret=CLIENT_SECRET,
        google_oauth_url=google.url,
        google_calendar_url=google.url + CALENDAR_PATH,
    )
    calendars = open_calendars(settings, api.pool, api.fernet)
    sender = CalendarSender(api.pool, api.fernet, calendars.open)
    await Worker(api.pool, {"calendar": sender}).drain()
    assert len(google.calendar().live) == 1
    sync = CalendarSync(api.pool, api.fernet, calendars.open, calendars.watch)
    assert await sync.run() == 1
    await calendars.close()
    (calendar,) = await connected(api)
    assert (calendar["stale"], calendar["age_seconds"]) == (False, 0)


async def test_tokens_are_encrypted_and_told_to_nobody(api: Api, google: FakeGoogle) -> None:
    await api.http.get(await consent(await begin(api)))
    stored = await api.value("SELECT credentials FROM calendar_connections")
    (refresh,) = google.refresh_tokens
    assert refresh.encode() not in stored
    assert json.loads(api.fernet.decrypt(stored))["refresh_token"] == refresh
    reply = await api.http.get("/v1/calendars", headers=api.clinic.bearer)
    assert refresh not in reply.text
    assert "credentials" not in reply.text


async def test_a_state_is_good_once_and_for_its_clinic(api: Api) -> None:
    back = await consent(await begin(api))
    assert (await api.http.get(back)).status_code == 200
    assert (await api.http.get(back)).status_code == 400

    other = await api.open_clinic()
    forged = back.replace(api.clinic.id.hex, other.id.hex)
    assert (await api.http.get(forged)).status_code == 400
    assert await api.value("SELECT count(*) FROM calendar_connections") == 1


async def test_a_state_lapses(api: Api) -> None:
    back = await consent(await begin(api))
    await api.database.set_clock(await api.value("SELECT current_moment() + interval '15 minutes'"))
    assert (await api.http.get(back)).status_code == 400
    assert await api.value("SELECT count(*) FROM calendar_connections") == 0


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?state=%00.x", "?state=\u20ac.x&code=1"])
async def test_nonsense_gets_a_plain_page(api: Api, query: str) -> None:
    page = await api.http.get(f"/oauth/google/callback{query}")
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")


async def test_a_stolen_code_is_of_no_use_without_the_verifier(
    api: Api, google: FakeGoogle
) -> None:
    """PKCE: the code of one consent with the state of another."""
    first, second = await consent(await begin(api)), await consent(await begin(api))
    code = parse_qs(urlsplit(first).query)["code"][0]
    state = parse_qs(urlsplit(second).query)["state"][0]
    page = await api.http.get("/oauth/google/callback", params={"state": state, "code": code})
    assert page.status_code == 400
    assert await connected(api) == []


async def test_the_challenge_is_the_verifiers_hash(api: Api) -> None:
    url = await begin(api)
    asked = parse_qs(urlsplit(url).query)
    encrypted = await api.value("SELECT encrypted_verifier FROM oauth_states")
    digest = hashlib.sha256(api.fernet.decrypt(encrypted)).digest()
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked["code_challenge"] == [expected]
    assert asked["code_challenge_method"] == ["S256"]


async def test_staff_say_no(api: Api) -> None:
    url = await begin(api)
    state = parse_qs(urlsplit(url).query)["state"][0]
    said = {"state": state, "error": "access_denied"}
    page = await api.http.get("/oauth/google/callback", params=said)
    assert "The permission was not given." in page.text
    assert await connected(api) == []


async def test_half_a_consent_is_none(api: Api, google: FakeGoogle) -> None:
    google.granted_scope = "openid"
    page = await api.http.get(await consent(await begin(api)))
    assert "The permission to see and edit events was not given." in page.text
    assert await connected(api) == []


async def test_a_calendar_that_isnt_there(api: Api) -> None:
    back = await consent(await begin(api, calendar="nobody@clinic.example"))
    assert "This account has no such calendar." in (await api.http.get(back)).text
    assert await connected(api) == []


async def test_a_practitioners_own(api: Api) -> None:
    practitioner = await api.value("SELECT id FROM practitioners")
    back = await consent(await begin(api, practitioner_id=str(practitioner)))
    assert (await api.http.get(back)).status_code == 200
    (calendar,) = await connected(api)
    assert calendar["practitioner_id"] == str(practitioner)
    assert calendar["practitioner_name"] == "Harbor Dental"
    other = await api.open_clinic()
    theirs = await api.value("SELECT id FROM practitioners WHERE org_id = $1", other.id)
    for nobody in (uuid4(), theirs):
        refused = await api.post(CONNECT, {"practitioner_id": str(nobody)})
        assert refused.json()["code"] == "UNKNOWN_PRACTITIONER"


async def test_only_administrators_connect(api: Api) -> None:
    staff = await api.new_key(api.clinic, "staff")
    reply = await api.post(CONNECT, {}, staff.bearer)
    assert reply.status_code == 403
    assert (await api.http.get("/v1/calendars", headers=staff.bearer)).status_code == 200


async def test_disconnecting_by_rest(api: Api) -> None:
    await api.http.get(await consent(await begin(api)))
    (calendar,) = await connected(api)
    path = f"/v1/calendars/{calendar['id']}"
    other: Clinic = await api.open_clinic("admin")
    assert (await api.http.delete(path, headers=other.bearer)).status_code == 404
    assert (await api.http.delete(path, headers=api.clinic.bearer)).status_code == 204
    assert (await api.http.delete(path, headers=api.clinic.bearer)).status_code == 404
    assert await connected(api) == []


async def test_without_a_client_at_google(database: Database) -> None:
    async with running_api(database) as api:
        admin = await api.new_key(api.clinic, "admin")
        reply = await api.post(CONNECT, {}, admin.bearer)
        assert reply.status_code == 422
        assert "VOXANNE_GOOGLE_CLIENT_ID" in reply.json()["detail"]
        assert (await api.http.get("/oauth/google/callback?state=a.b")).status_code == 400


@pytest.fixture
async def pushed(database: Database) -> AsyncIterator[GoogleClinic]:
    """Connected, read once, and watched; pushes arrive at the API."""
    async with google_clinic(database, public_url="https://clinic.test") as clinic:
        app = create_app(settings_for(database.owner_url), clinic.pool, clinic.fernet)
        async with in_process(app) as http:

            async def push(address: str, headers: dict[str, str]) -> None:
                path = address.removeprefix("https://clinic.test")
                clinic.answers.append((await http.post(path, headers=headers)).status_code)

            clinic.fake.push = push
            await clinic.connect()
            await clinic.sync.run()
            await clinic.fake.pushed()
            # The first message, "sync", comes before the channel is stored, or after it.
            await clinic.sync.run()
            yield clinic


async def due(clinic: GoogleClinic) -> bool:
    found: bool = await clinic.value(
        "SELECT sync_due_at <= current_moment() FROM calendar_connections"
    )
    return found


async def test_a_push_has_the_calendar_read_at_once(pushed: GoogleClinic) -> None:
    assert not await due(pushed)
    pushed.answers.clear()
    calendar = pushed.fake.calendar()
    calendar.insert(timed(START, START + HOUR))
    pushed.fake.change(calendar)
    await pushed.fake.pushed()

    assert pushed.answers == [204]
    assert await due(pushed)
    assert await pushed.sync.run() == 1
    assert (await pushed.try_to_book())["error"] == "SLOT_UNAVAILABLE"


async def test_a_channel_is_renewed_before_it_ends(pushed: GoogleClinic) -> None:
    (first,) = pushed.fake.channels
    await pushed.read_calendars()
    assert list(pushed.fake.channels) == [first]
    await pushed.value(
        "UPDATE calendar_connections SET channel_expires_at = current_moment() + interval '23 h'"
    )
    await pushed.read_calendars()
    (second,) = pushed.fake.channels
    assert second != first
    await pushed.fake.pushed()
    pushed.answers.clear()
    pushed.fake.change(pushed.fake.calendar())
    await pushed.fake.pushed()
    assert pushed.answers == [204]


async def test_forged_pushes_change_nothing(pushed: GoogleClinic) -> None:
    (channel,) = pushed.fake.channels.values()
    other = await pushed.database.organization(name="Elsewhere")
    secret = channel.token.partition(".")[2]
    pushed.answers.clear()
    for channel_id, token, path in (
        (channel.id, "", channel.address),
        (channel.id, f"{pushed.org_id.hex}.guessed", channel.address),
        (channel.id, f"{other.hex}.{secret}", channel.address),
        (str(uuid4()), channel.token, channel.address),
        ("nonsense", channel.token, channel.address),
        (channel.id, channel.token, channel.address.rpartition("/")[0] + f"/{uuid4()}"),
        (channel.id, channel.token, channel.address.rpartition("/")[0] + "/nonsense"),
        (channel.id, "~" * 3000, channel.address),
    ):
        assert pushed.fake.push is not None
        headers = {"X-Goog-Channel-ID": channel_id, "X-Goog-Channel-Token": token}
        await pushed.fake.push(path, headers)
    assert pushed.answers == [404] * 8
    assert not await due(pushed)


async def test_nothing_is_watched_without_https(database: Database) -> None:
    async with google_clinic(database, public_url="http://localhost:3001") as clinic:
        await clinic.connect()
        await clinic.sync.run()
        assert clinic.fake.channels == {}


async def test_a_disconnected_calendars_pushes_are_nobodys(pushed: GoogleClinic) -> None:
    (calendar,) = await pushed.calendars()
    await pushed.call("disconnect_calendar", connection_id=UUID(calendar["id"]))
    pushed.answers.clear()
    pushed.fake.change(pushed.fake.calendar())
    await pushed.fake.pushed()
    assert pushed.answers == [404]

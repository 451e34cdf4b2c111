"""The patient's page against other sites and broken requests, without a database, and in logs."""

import json

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tests.database import Database
from tests.integration.clinics import Api, Json, hold_lock, running_api
from tests.integration.patient_page import SAME_SITE, Page, link_to, open_page
from tests.integration.v1_requests import client

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.example"


@pytest_asyncio.fixture(loop_scope="module")
async def booked(voice: Api) -> Json:
    return await (await client(voice, "staff")).book()


@pytest_asyncio.fixture(loop_scope="module")
async def page(voice: Api, booked: Json) -> Page:
    return await open_page(voice, await link_to(voice, booked["id"]))


async def confirmed(voice: Api) -> bool:
    return bool(await voice.value("SELECT patient_confirmed_at IS NOT NULL FROM appointments"))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://clinic.test"},
        {"origin": ELSEWHERE},
        {"origin": "http://clinic.test.elsewhere.example"},
        {"origin": "clinic.test"},
        {"origin": "http://["},
        {"origin": ""},
    ],
    ids=str,
)
async def test_another_sites_form_does_nothing(
    voice: Api, page: Page, headers: dict[str, str]
) -> None:
    refused = await page.press("I'll be there", headers=headers)

    assert refused.status == 403
    assert refused.message == "Please open the link in your message, and try again from there."
    assert not await confirmed(voice)
    for path in ("move", "cancel", "accept", "decline"):
        reply = await voice.http.post(f"{page.address}/{path}", headers=headers)
        assert reply.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        SAME_SITE,
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": "http://clinic.test"},
        {"origin": "null"},
        {},
    ],
    ids=str,
)
async def test_the_pages_own_form_is_taken(voice: Api, page: Page, headers: dict[str, str]) -> None:
    await page.press("I'll be there", headers=headers)

    assert await confirmed(voice)


@pytest.mark.asyncio(loop_scope="function")
async def test_behind_a_proxy_the_origin_is_the_public_one(database: Database) -> None:
    async with running_api(database, public_url="https://book.example/clinic") as api:
        booked = await (await client(api, "staff")).book()
        page = await open_page(api, await link_to(api, booked["id"]))

        await page.press("I'll be there", headers={"origin": ELSEWHERE})
        assert not await confirmed(api)
        await page.press("I'll be there", headers={"origin": "https://book.example"})
        assert await confirmed(api)


async def test_addresses_are_relative_so_that_a_proxy_may_add_a_path(page: Page) -> None:
    for one in (page, await page.follow("Move it to another time"), await page.follow("Cancel it")):
        for element in one.root.iter():
            for name in ("href", "action"):
                assert not element.get(name, "..").startswith(("/", "http"))


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"version", b"=&=&=", b"version=1&" * 50, b'{"version": 1}', b"%zz=%00"],
    ids=repr,
)
async def test_any_body_is_answered(voice: Api, page: Page, body: bytes) -> None:
    for path in ("confirm", "move", "cancel", "accept", "decline"):
        reply = await voice.http.post(f"{page.address}/{path}", content=body, headers=SAME_SITE)
        assert reply.status_code in (303, 409)
    assert not await confirmed(voice)


async def test_a_body_has_its_limit(voice: Api, page: Page) -> None:
    body = "version=1&x=" + "x" * 5_000
    reply = await voice.http.post(f"{page.address}/confirm", content=body, headers=SAME_SITE)

    assert Page.read(voice.http, page.address, reply).status == 413
    assert not await confirmed(voice)


async def test_a_database_that_is_away_is_said_to_be(voice: Api, page: Page) -> None:
    blocker = await voice.database.connect_owner()
    await hold_lock(blocker, "appointment_links")
    try:
        away = await open_page(voice, page.address)
    finally:
        await blocker.execute("ROLLBACK")

    assert away.status == 503
    assert "Please try again in a moment." in away.text


async def test_neither_logs_nor_metrics_know_the_link(voice: Api, page: Page) -> None:
    token = page.address.rpartition("/")[2]
    with capture_logs() as logs:
        await page.press("I'll be there")
        moving = await page.follow("Move it to another time")
        await moving.press("Go on", time=next(iter(moving.choices.values())))
        await (await page.follow("Cancel it")).press("Yes, cancel it")
        await open_page(voice, f"/a/{token[::-1]}")
    metrics = (await voice.http.get("/metrics")).text

    assert {log["route"] for log in logs} >= {"/a/{token}", "/a/{token}/move", "/a/{token}/cancel"}
    assert 'route="/a/{token}"' in metrics
    for text in (json.dumps(logs), metrics):
        assert token not in text
        assert token[::-1] not in text
        assert "Okafor" not in text

"""A time from the waiting list, behind its link: taken, declined, or too late."""

from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.patient_page import SAME_SITE, Page, link_to, open_page
from tests.integration.v1_requests import ANA, THURSDAY, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


@pytest_asyncio.fixture(loop_scope="module")
async def wish(staff: Client) -> Json:
    """Ana's, who is offered what Maya gave up."""
    booked = await staff.book()
    waiting = await staff.post("waitlist", {**ANA, "service_type": "consultation"})
    await staff.post(f"appointments/{booked['id']}/cancel")
    return waiting


@pytest_asyncio.fixture(loop_scope="module")
async def page(voice: Api, wish: Json) -> Page:
    held = await voice.value(
        "SELECT held_appointment_id FROM waitlist WHERE id = $1", UUID(wish["id"])
    )
    return await open_page(voice, await link_to(voice, str(held)))


async def status_of(voice: Api, wish: Json) -> str:
    found: str = await voice.value("SELECT status FROM waitlist WHERE id = $1", UUID(wish["id"]))
    return found


async def test_an_offer_is_shown_with_its_end(page: Page) -> None:
    assert page.heading == "A time for you"
    assert "This time is kept for you until Monday 2 November at 8:30 am." in page.text
    assert page.facts["When"].startswith("Thursday 26 November at 10 am")
    assert page.facts["Name"] == "Ana Ruiz"
    assert page.buttons == ["Take this time", "I don't want it"]


async def test_who_takes_it_has_it_under_the_same_link(voice: Api, wish: Json, page: Page) -> None:
    taken = await page.press("Take this time")

    assert taken.message == "The time is yours: it's booked."
    assert taken.heading == "Your appointment"
    assert await status_of(voice, wish) == "booked"
    [booked] = await voice.rows("SELECT * FROM appointments WHERE status = 'confirmed'")
    assert (booked["scheduled_at"], booked["source"]) == (THURSDAY, "link")
    assert await link_to(voice, str(booked["id"])) in page.address
    cancelled = await (await taken.follow("Cancel it")).press("Yes, cancel it")
    assert cancelled.message == "Your appointment is cancelled."


async def test_taken_twice_is_taken_once(voice: Api, page: Page) -> None:
    await page.press("Take this time")

    again = await page.press("Take this time")

    assert "This appointment is booked." in again.text
    confirmed = "SELECT count(*) FROM appointments WHERE status = 'confirmed'"
    assert await voice.value(confirmed) == 1


async def test_who_declines_goes_on_waiting(voice: Api, wish: Json, page: Page) -> None:
    declined = await page.press("I don't want it")

    assert declined.message == "You've declined the time, and stay on the waiting list."
    assert declined.buttons == []
    assert await status_of(voice, wish) == "waiting"
    late = await page.press("Take this time")
    assert "This time isn't kept for you any more." in late.text
    assert await status_of(voice, wish) == "waiting"


async def test_an_offer_that_lapsed_is_gone(voice: Api, wish: Json, page: Page) -> None:
    await voice.database.set_clock(THURSDAY - timedelta(days=20))

    late = await page.press("Take this time")

    assert "This time isn't kept for you any more." in late.text
    assert late.message is None
    assert late.facts["When"].startswith("Thursday 26 November at 10 am")
    assert await voice.value("SELECT count(*) FROM appointments WHERE status = 'confirmed'") == 0


async def test_an_offer_is_neither_moved_nor_cancelled(voice: Api, wish: Json, page: Page) -> None:
    for path in ("move", "cancel"):
        assert (await open_page(voice, f"{page.address}/{path}")).heading == "A time for you"
    time = f"{THURSDAY.isoformat()}~{UUID(int=7)}"
    for path in ("confirm", "move", "cancel"):
        reply = await voice.http.post(
            f"{page.address}/{path}", data={"version": "1", "time": time}, headers=SAME_SITE
        )
        assert Page.read(voice.http, page.address, reply).status == 409
    assert (await open_page(voice, f"{page.address}/appointment.ics")).status == 404
    assert await status_of(voice, wish) == "offered"

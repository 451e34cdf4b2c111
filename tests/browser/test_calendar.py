"""The calendar in a browser: live in two windows, dragged, moved by keys, booked where free."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.windows import PHONE, WIDE, Chromium
from tests.integration.clinics import Api
from tests.integration.front_desk import Desk, sign_in
from voxanne.stress.first_load import first_load

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONDON = ZoneInfo("Europe/London")
DAY = "2026-11-26"
NOON = datetime(2026, 11, 26, 12, tzinfo=LONDON)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(served: Api) -> Desk:
    """A clinic of the test's own, and somebody at its front desk."""
    clinic = await served.open_clinic()
    await (await served.database.owner()).execute(
        "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Luis Ortega')", clinic.id
    )
    return await sign_in(served, "staff", clinic=clinic)


@asynccontextmanager
async def calendar(
    chromium: Chromium, desk: Desk, *, scripts: bool = True, **options: object
) -> AsyncIterator[Page]:
    """A window with the day of the booking."""
    async with chromium.window(desk, scripts=scripts, **options) as page:  # type: ignore[arg-type]
        await page.goto(desk.url(f"/calendar?day={DAY}"))
        if scripts:
            await expect(page.locator("#live")).to_have_attribute("data-state", "on")
        yield page


async def booked_by_phone(api: Api, desk: Desk, **changes: object) -> str:
    """Maya Okafor, on that Thursday at ten."""
    answer = await api.book(desk.clinic.bearer, **changes)
    assert answer["success"], answer
    return str(answer["appointmentId"])


def shown(page: Page, name: str) -> Locator:
    return page.locator(".appt", has_text=name)


async def stored(api: Api, appointment: str) -> tuple[datetime, int]:
    """When it is, in the clinic's time, and the place of its practitioner by name."""
    (row,) = await api.rows(
        "SELECT scheduled_at, practitioner_id, org_id FROM appointments WHERE id = $1::uuid",
        appointment,
    )
    ids = await api.rows(
        "SELECT id FROM practitioners WHERE org_id = $1 ORDER BY name, id", row["org_id"]
    )
    column = [each["id"] for each in ids].index(row["practitioner_id"])
    return row["scheduled_at"].astimezone(LONDON), column


async def test_a_booking_by_phone_appears_in_two_browsers(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    async with calendar(chromium, desk) as one, calendar(chromium, desk, size=PHONE) as other:
        await expect(shown(one, "Maya Okafor")).to_have_count(0)
        appointment = await booked_by_phone(served, desk)
        for page in (one, other):
            await expect(shown(page, "Maya Okafor")).to_have_count(1)
            await expect(shown(page, "Maya Okafor")).to_contain_text("10:00")
        await served.database.call(
            await served.database.owner(),
            "cancel_appointment",
            desk.clinic.id,
            appointment_id=appointment,
        )
        for page in (one, other):
            await expect(shown(page, "Maya Okafor")).to_have_count(0)


async def test_what_is_dragged_is_moved_and_undone(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    appointment = await booked_by_phone(served, desk)
    before = await stored(served, appointment)
    async with calendar(chromium, desk) as page:
        appt = shown(page, "Maya Okafor")
        await drag(page, appt, columns=1, minutes=90)
        toast = page.locator("#toasts", has_text="Maya Okafor moved to")
        await expect(toast).to_be_visible()
        at, column = await stored(served, appointment)
        assert (at.hour, at.minute) == (11, 30)
        assert column != before[1]
        await expect(appt).to_contain_text("11:30")
        await page.get_by_role("button", name="Undo").click()
        await expect(appt).to_contain_text("10:00")
        assert await stored(served, appointment) == before


async def drag(page: Page, appt: Locator, *, columns: int, minutes: int) -> None:
    """By the mouse: so many columns to the right (round the corner: left), and so much later."""
    box = None
    while box is None:  # what was booked just before may be told now, and the grid made anew
        with suppress(PlaywrightError):
            await appt.scroll_into_view_if_needed()
            box = await appt.bounding_box()
    length = int(await appt.get_attribute("data-minutes") or 0)
    all_columns = page.locator(".column")
    heads = [await all_columns.nth(n).bounding_box() for n in range(await all_columns.count())]
    middle = box["x"] + box["width"] / 2
    here = next(
        n
        for n, head in enumerate(heads)
        if head and head["x"] <= middle <= head["x"] + head["width"]
    )
    target = heads[(here + columns) % len(heads)]
    assert target is not None
    x, y = middle, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    to_y = y + minutes * box["height"] / length
    await page.mouse.move((x + target["x"]) / 2, (y + to_y) / 2, steps=4)
    await page.mouse.move(target["x"] + target["width"] / 2, to_y, steps=4)
    await page.mouse.up()


async def test_keys_alone_move_an_appointment(served: Api, chromium: Chromium, desk: Desk) -> None:
    appointment = await booked_by_phone(served, desk)
    async with calendar(chromium, desk) as page:
        appt = shown(page, "Maya Okafor")
        await appt.focus()
        for key in ("m", "ArrowDown", "ArrowDown", "Enter"):
            await page.keyboard.press(key)
        await expect(appt).to_contain_text("10:30")
        await expect(page.locator("#toasts", has_text="moved to")).to_be_visible()
        at, _ = await stored(served, appointment)
        assert (at.hour, at.minute) == (10, 30)

        await appt.focus()
        for key in ("m", "ArrowDown", "Escape"):
            await page.keyboard.press(key)
        await expect(appt).to_contain_text("10:30")
        assert (await stored(served, appointment))[0] == at


async def test_a_free_time_is_booked_where_it_is_clicked(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    async with calendar(chromium, desk) as page:
        slots = page.locator(".column").first.locator(".slots")
        box = await slots.bounding_box()
        frame = page.locator("#calendar")
        start = int(await frame.get_attribute("data-from") or 0)
        until = int(await frame.get_attribute("data-until") or 0)
        assert box is not None
        at = (14 * 60 + 5 - start) * box["height"] / (until - start)
        await slots.click(position={"x": box["width"] / 2, "y": at})
        panel = page.locator("#panel")
        await expect(panel.get_by_label("Day")).to_have_value(DAY)
        await expect(panel.get_by_label("Time", exact=True)).to_have_value("14:00")
        await panel.get_by_label("Name", exact=True).fill("Ines <b>Bold</b> Moreau")
        await panel.get_by_label("Phone", exact=True).fill("07700 900777")
        await panel.get_by_role("button", name="Book", exact=True).click()
        # What is typed is text, whatever it looks like.
        await expect(shown(page, "Ines <b>Bold</b> Moreau")).to_contain_text("14:00")
    (row,) = await served.rows(
        "SELECT source, scheduled_at FROM appointments WHERE org_id = $1", desk.clinic.id
    )
    assert row["source"] == "staff"
    assert row["scheduled_at"].astimezone(LONDON).hour == 14


async def test_the_browsers_own_zone_is_of_no_interest(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    appointment = await booked_by_phone(served, desk)
    async with calendar(chromium, desk, timezone="Pacific/Kiritimati") as page:
        appt = shown(page, "Maya Okafor")
        await expect(appt).to_contain_text("10:00")
        await drag(page, appt, columns=0, minutes=60)
        await expect(appt).to_contain_text("11:00")
    assert (await stored(served, appointment))[0].hour == 11


async def test_a_session_that_ends_in_mid_drag_moves_nothing(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    appointment = await booked_by_phone(served, desk)
    before = await stored(served, appointment)
    async with calendar(chromium, desk) as page:
        appt = shown(page, "Maya Okafor")
        box = await appt.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 20, box["y"] + 20)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 20, box["y"] + 120, steps=4)
        owner = await served.database.owner()
        await owner.execute("DELETE FROM sessions WHERE staff_id = $1", desk.staff_id)
        await page.mouse.up()
        await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        await expect(appt).to_contain_text("10:00")
        assert await appt.bounding_box() == box
    assert await stored(served, appointment) == before


async def test_without_scripts_it_reads_and_posts(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    appointment = await booked_by_phone(served, desk)
    async with calendar(chromium, desk, scripts=False) as page:
        await shown(page, "Maya Okafor").click()
        await page.get_by_label("Time", exact=True).fill("15:15")
        await page.get_by_role("button", name="Move", exact=True).click()
        await expect(page.locator(".notice.ok")).to_be_visible()
    at, _ = await stored(served, appointment)
    assert (at.hour, at.minute) == (15, 15)


async def test_the_focus_comes_back_to_the_appointment_it_was_on(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    await booked_by_phone(served, desk)
    async with calendar(chromium, desk) as page:
        appt = shown(page, "Maya Okafor")
        await appt.focus()
        await booked_by_phone(
            served, desk, name="Ben Carter", scheduledAt=f"{DAY}T15:00", call_id="another"
        )
        await expect(shown(page, "Ben Carter")).to_have_count(1)
        await expect(appt).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#panel")).to_contain_text("Maya Okafor")
        await expect(appt).to_have_class(re.compile(r" open$"))
        await page.keyboard.press("Escape")
        await expect(appt).to_be_focused()


async def test_what_crosses_midnight_has_an_id_on_each_day(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    who = await served.value("SELECT id FROM practitioners WHERE org_id = $1", desk.clinic.id)
    late = NOON.replace(hour=23, minute=30)
    await served.database.appointment(
        desk.clinic.id, who, scheduled_at=late, ends_at=late + timedelta(hours=1)
    )
    async with calendar(chromium, desk) as page:
        await page.goto(desk.url(f"/calendar?day={DAY}&view=week"))
        await expect(page.locator("#live")).to_have_attribute("data-state", "on")
        ids = [await each.get_attribute("id") for each in await page.locator(".appt").all()]
        assert len(ids) == len(set(ids)) == 2


async def test_the_panel_is_seen_once_it_has_its_stylesheet(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    """Which the calendar begins without."""

    async def late(route: Route) -> None:
        await asyncio.sleep(0.3)
        await route.continue_()

    await booked_by_phone(served, desk)
    async with calendar(chromium, desk) as page:
        await page.route("**/pages.css", late)
        await shown(page, "Maya Okafor").click()
        panel = page.locator("#panel")
        await expect(panel).to_be_visible()
        box = await panel.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (396, WIDE[1])


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "desk"])
async def test_the_calendar_looks_the_same_without_the_pages_stylesheet(
    served: Api, chromium: Chromium, desk: Desk, size: tuple[int, int]
) -> None:
    """What the panel's opening brings moves nothing."""
    await booked_by_phone(served, desk)
    async with calendar(chromium, desk, size=size) as page:
        before = await page.screenshot()
        await page.evaluate(
            "() => import(document.querySelector('script[src]').src.replace('main', 'panel'))"
        )
        await expect(page.locator("link[href$='/pages.css']")).to_have_count(1)
        assert await page.screenshot() == before


async def test_the_first_load_is_what_is_counted(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    """Against its target, in test_dashboard_calendar."""

    async def fetch(address: str) -> bytes:
        return (await served.http.get(address)).content

    counted = await first_load((await desk.get("/calendar", day=DAY)).content, fetch)
    async with calendar(chromium, desk) as page:
        urls = await page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    loaded = {urlsplit(url).path for url in urls} - {desk.url("/stream")}
    # An icon may be late.
    assert {name for name in counted if name.endswith((".js", ".css"))} <= loaded <= {*counted}


async def test_a_calendar_of_an_older_release_begins_anew(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    """But not before what somebody is filling in is done."""

    async def newer(route: Route) -> None:
        answer = await route.fetch()
        body = re.sub(
            r'data-scripts="/static/\w+/', 'data-scripts="/static/newer/', await answer.text()
        )
        await route.fulfill(response=answer, body=body)

    async with calendar(chromium, desk) as page:
        await page.route("**/calendar/grid**", newer)
        await page.locator("#new-appointment").click()
        await expect(page.locator("#panel")).to_be_visible()
        await page.evaluate("document.body.dataset.older = ''")
        await booked_by_phone(served, desk)
        await expect(page.get_by_text("Voxanne was updated")).to_be_visible()
        assert await page.locator("body[data-older]").count() == 1
        await page.keyboard.press("Escape")
        again = {"name": "Ben Carter", "scheduledAt": "2026-11-26T14:00", "tool_call_id": "2"}
        await booked_by_phone(served, desk, **again)
        await expect(page.locator("body[data-older]")).to_have_count(0)
        await expect(shown(page, "Ben Carter")).to_have_count(1)


async def test_without_its_script_the_panels_page_is_opened(
    served: Api, chromium: Chromium, desk: Desk
) -> None:
    """A newer release serves no script of this one."""
    await booked_by_phone(served, desk)
    async with calendar(chromium, desk) as page:
        await page.route("**/panel.js", lambda route: route.fulfill(status=404))
        await shown(page, "Maya Okafor").click()
        await page.wait_for_url("**/appointments/*")
        await expect(page.get_by_role("heading", name="Maya Okafor")).to_be_visible()


async def test_twenty_tabs_share_one_stream(served: Api, chromium: Chromium, desk: Desk) -> None:
    async with calendar(chromium, desk) as first:
        tabs = [first]
        for _ in range(19):
            page = await first.context.new_page()
            await page.goto(desk.url(f"/calendar?day={DAY}"))
            tabs.append(page)
        await booked_by_phone(served, desk)
        for page in tabs:
            await page.bring_to_front()
            await expect(shown(page, "Maya Okafor")).to_have_count(1)
        # Whoever leads is closed: another takes the stream over.
        await first.close()
        await booked_by_phone(
            served, desk, name="Ben Carter", scheduledAt="2026-11-26T15:00", call_id="another"
        )
        for page in tabs[1:]:
            await page.bring_to_front()
            await expect(shown(page, "Ben Carter")).to_have_count(1)

"""The form that books, as a browser without scripts sends it, and the same as a script does."""

import html
import re
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from tests.integration.clinics import NOW, Api
from tests.integration.desk_forms import (
    NEW,
    THURSDAY,
    Fields,
    Page,
    at,
    audited,
    counted,
    new_form,
    page,
    row,
    script,
    send,
)
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_somebody_new_is_booked_from_the_form(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    form = await new_form(desk)
    assert (form["day"], form["time"], form["service"]) == (THURSDAY, "10:00", "consultation")
    shown = await send(desk, form, **NEW, notes="allergic to latex")
    assert "Booked. What is sent of it is listed below." in shown.words
    assert "Tom Taylor" in shown.words
    (kept,) = await voice.rows("SELECT * FROM appointments")
    assert (kept["scheduled_at"], kept["source"], kept["status"]) == (
        at("10:00"),
        "staff",
        "confirmed",
    )
    (lead,) = await voice.rows("SELECT name, phone, email FROM leads")
    assert lead == {"name": "Tom Taylor", "phone": "+442079460111", "email": "tom@example.org"}
    assert ("appointment_booked", str(kept["id"])) in await audited(voice)


async def test_pressed_twice_it_books_once(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    form = await new_form(desk)
    first, second = await send(desk, form, **NEW), await send(desk, form, **NEW)
    assert "Booked." in first.words
    assert "nothing was booked twice" in second.words
    assert await counted(voice) == 1
    other = await send(desk, form, **{**NEW, "name": "Bob Jones"}, time="12:00")
    assert (other.status, "has booked already" in other.words) == (422, True)
    assert await counted(voice) == 1


async def test_a_forms_key_is_its_senders_own(voice: Api) -> None:
    """Another's doesn't answer with their appointment."""
    first, second = await sign_in(voice, "staff"), await sign_in(voice, "owner")
    form = await new_form(first)
    await send(first, form, **NEW)
    answer = await send(second, {**form, "csrf": second.csrf}, **{**NEW, "name": "Bob Jones"})
    assert "That time is taken." in answer.words


async def test_somebody_known_is_found_and_booked(voice: Api) -> None:
    await voice.book(name="Maya Okafor")
    desk = await sign_in(voice, "staff")
    form = await new_form(desk, time="12:00")
    found = await send(desk, form, q="oka", find="1", name="kept as typed", notes="and this")
    assert found.status == 200
    (maya,) = await voice.rows("SELECT id FROM leads")
    assert f'type="radio" name="lead" value="{maya["id"]}"' in found.source
    again = found.form("book")
    assert (again["name"], again["notes"], again["q"]) == ("kept as typed", "and this", "oka")
    assert again["key"] == form["key"]
    assert ("lead_viewed", str(maya["id"])) in await audited(voice)
    shown = await send(desk, again, lead=str(maya["id"]))
    assert "Booked." in shown.words
    assert [
        each["contact_id"] for each in await voice.rows("SELECT contact_id FROM appointments")
    ] == [maya["id"]] * 2
    assert await counted(voice, "leads") == 1


async def test_nobody_found_is_said(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    shown = await page(desk, "/appointments/new", q="nobody at all")
    assert "Nobody fits “nobody at all”" in shown.words


async def test_who_is_asked_for_by_link_is_chosen(voice: Api) -> None:
    await voice.book(name="Maya Okafor")
    (maya,) = await voice.rows("SELECT id FROM leads")
    desk = await sign_in(voice, "staff")
    form = (await page(desk, "/appointments/new", lead=str(maya["id"]))).form("book")
    assert form["lead"] == str(maya["id"])
    other = await voice.open_clinic()
    theirs = await sign_in(voice, clinic=other)
    shown = await page(theirs, "/appointments/new", lead=str(maya["id"]))
    assert "Okafor" not in shown.source
    refused = await send(
        theirs, shown.form("book"), lead=str(maya["id"]), day=THURSDAY, time="10:00"
    )
    assert (refused.status, "isn't here any more" in refused.words) == (422, True)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "Give the patient's name."),
        ({"phone": ""}, "Give a phone number"),
        ({"phone": "12"}, "Give a phone number"),
        ({"email": "nothing"}, "That is no e-mail address."),
        ({"day": "soon"}, "Give the day like"),
        ({"time": "25:00"}, "Give the time like"),
        ({"day": "2026-11-01"}, "That time has passed."),
        ({"day": "2029-11-01"}, "further ahead than the clinic books"),
        ({"service": "surgery"}, "Choose a service"),
        ({"practitioner": "nobody"}, "no longer"),
        ({"practitioner": str(UUID(int=7))}, "don't work here"),
        ({"time": "20:00"}, "Nobody is there at that time: closed"),
    ],
)
async def test_what_wont_do_comes_back_with_what_was_typed(
    voice: Api, changed: Fields, sentence: str
) -> None:
    desk = await sign_in(voice, "staff")
    form = {**await new_form(desk), **NEW, "notes": "kept", **changed}
    shown = await send(desk, form)
    sentence = "They don't give" if sentence == "no longer" else sentence
    assert (shown.status >= 400, sentence in shown.words) == (True, True), shown.words
    again = shown.form("book")
    assert {name: again[name] for name in ("name", "email", "notes", "key")} == {
        name: form[name] for name in ("name", "email", "notes", "key")
    }
    assert 'aria-invalid="true" aria-describedby="new-' in shown.source
    assert await counted(voice) == 0


async def test_a_taken_time_offers_free_ones_each_a_press_away(voice: Api) -> None:
    await voice.book()
    desk = await sign_in(voice, "staff")
    shown = await send(desk, await new_form(desk), **NEW)
    assert (shown.status, "That time is taken." in shown.words) == (409, True)
    choices = shown.buttons("choose")
    assert len(choices) == 3
    done = await send(desk, shown.form("book"), choose=choices[0])
    assert "Booked." in done.words
    kept = await voice.rows(
        "SELECT scheduled_at, overlap_allowed FROM appointments ORDER BY created_at"
    )
    assert kept[1]["scheduled_at"].strftime("%H:%M") == choices[0].split("|")[1]
    assert not kept[1]["overlap_allowed"]


async def test_overbooking_needs_a_reason_and_keeps_it(voice: Api) -> None:
    await voice.book()
    desk = await sign_in(voice, "staff")
    shown = await send(desk, await new_form(desk), **NEW)
    assert "Two patients will be there at the same time." in shown.words
    unsaid = await send(desk, shown.form("book"), overbook="1", reason="  ")
    assert "it isn't done without a reason" in unsaid.words
    assert await counted(voice) == 1
    done = await send(desk, unsaid.form("book"), overbook="1", reason="in great pain")
    assert "Booked." in done.words
    assert "in great pain" in done.words
    assert "overbooked" in done.words
    kept = await voice.rows(
        "SELECT overlap_allowed, metadata FROM appointments WHERE overlap_allowed"
    )
    assert len(kept) == 1


async def test_outside_the_hours_there_is_no_overbooking_and_it_says_so(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    shown = await send(desk, await new_form(desk, time="20:00"), **NEW)
    assert "not outside the hours" in shown.words
    assert not shown.buttons("overbook")
    forced = await send(desk, shown.form("book"), reason="please", overbook="1")
    assert "not outside the hours" in forced.words
    assert await counted(voice) == 0


async def test_a_script_is_told_what_the_page_would_say(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    wish = {"key": "k", "day": THURSDAY, "time": "10:00", "service": "consultation", **NEW}
    done = (await script(desk, "/appointments", **wish)).json()
    assert (done["success"], done["day"], done["time"], done["version"]) == (
        True,
        THURSDAY,
        "10:00",
        1,
    )
    refused = await script(desk, "/appointments", **{**wish, "key": "l", "name": "Bob Jones"})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "SLOT_UNAVAILABLE")
    assert problem["may_overbook"] is True
    first = problem["alternatives"][0]
    assert first.keys() == {"day", "time", "practitioner", "label"}
    over = await script(
        desk, "/appointments", **{**wish, "key": "m", "name": "Bob Jones", "reason": "pain"}
    )
    assert over.json()["success"]


async def test_a_clinic_without_practitioners_or_services_books_anything(voice: Api) -> None:
    owner = await voice.database.owner()
    for table in ("opening_hours", "practitioner_services", "services", "practitioners"):
        await owner.execute(f"DELETE FROM {table}")
    desk = await sign_in(voice, "staff")
    form = await new_form(desk)
    assert (form["service"], form["minutes"]) == ("consultation", "60")
    assert "practitioner" not in form
    shown = await send(desk, form, **NEW, service="Home visit", minutes="90")
    assert "Home visit, 90 min" in shown.words
    (kept,) = await voice.rows("SELECT id, version FROM appointments")
    moved = await send(desk, shown.form("move"), time="13:00")
    assert "Moved." in moved.words
    assert (await row(voice, kept["id"]))["scheduled_at"] == at("13:00")
    # It hires somebody: what was booked with nobody in particular can go to them.
    chen = await voice.database.practitioner(voice.clinic.id, name="Dr Chen")
    form = (await page(desk, f"/appointments/{kept['id']}")).form("move")
    assert form["practitioner"] == str(voice.clinic.id)
    assert "Moved." in (await send(desk, form, time="15:00")).words
    assert (await row(voice, kept["id"]))["practitioner_id"] == chen


async def test_a_hold_is_booked_with_what_it_holds(voice: Api) -> None:
    who = await voice.value("SELECT id FROM practitioners WHERE org_id = $1", voice.clinic.id)
    held = await voice.database.appointment(
        voice.clinic.id,
        who,
        scheduled_at=at("10:00"),
        ends_at=at("11:00"),
        status="held",
        hold_expires_at=NOW + timedelta(minutes=5),
        call_id="some-call",
    )
    desk = await sign_in(voice, "staff")
    shown = await page(desk, f"/appointments/{held}")
    assert "Held for a caller" in shown.words
    (link,) = re.findall(r'href="([^"]*/appointments/new[^"]*)"', shown.source)
    form = Page(await desk.api.http.get(html.unescape(link), headers=desk.cookies)).form("book")
    assert form["hold"] == str(held)
    done = await send(desk, form, **NEW)
    assert "Booked." in done.words
    assert (await row(voice, held))["status"] == "expired"


AUTUMN, SPRING = "2027-10-31", "2027-03-28"


@pytest_asyncio.fixture(loop_scope="module")
async def night(voice: Api) -> Api:
    """A clinic that is always open."""
    owner = await voice.database.owner()
    await owner.execute("DELETE FROM opening_hours")
    await owner.execute("DELETE FROM date_exceptions")
    return voice


async def test_a_time_that_comes_twice_is_asked_about(night: Api) -> None:
    desk = await sign_in(night, "staff")
    form = {**await new_form(desk), **NEW, "day": AUTUMN, "time": "01:30"}
    shown = await send(desk, form)
    assert "01:30 comes twice on Sun 31 Oct 2027" in shown.words
    assert 'name="which" value="later"' in shown.source
    done = await send(desk, shown.form("book"), which="later")
    assert "the later one: the clocks go back" in done.words
    (kept,) = await night.rows("SELECT id, scheduled_at FROM appointments")
    assert kept["scheduled_at"] == at("01:30", AUTUMN)
    # It can be moved to the other one, and back.
    moved = await send(desk, done.form("move"), which="earlier")
    assert "Moved." in moved.words
    assert (await row(night, kept["id"]))["scheduled_at"] == at("00:30", AUTUMN)
    answer = await script(
        desk, f"/appointments/{kept['id']}/move", day=AUTUMN, time="01:30", which="later", version=2
    )
    assert (answer.json()["which"], answer.json()["undo"]["which"]) == ("later", "earlier")
    refused = await script(
        desk, f"/appointments/{kept['id']}/move", day=AUTUMN, time="01:15", version=3
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "NEEDS_CONFIRMATION")
    assert refused.json()["which"] == ["earlier", "later"]


async def test_a_time_that_isnt_there_is_refused(night: Api) -> None:
    desk = await sign_in(night, "staff")
    form = {**await new_form(desk), **NEW, "day": SPRING, "time": "01:30"}
    shown = await send(desk, form)
    assert (shown.status, "There is no 01:30 on Sun 28 Mar 2027" in shown.words) == (422, True)
    assert await counted(night) == 0

"""What the front desk does with one appointment, by its panel's forms and as a script does it."""

import html
import re
from uuid import uuid4

import pytest

from tests.integration.clinics import Api
from tests.integration.desk_forms import (
    ACTIONS,
    NEW,
    TAGS,
    THURSDAY,
    Page,
    at,
    audited,
    book_tom,
    booked,
    counted,
    new_form,
    page,
    row,
    script,
    send,
)
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_panel_tells_all_of_an_appointment(voice: Api) -> None:
    id_ = await booked(voice, serviceType="consultation", call_id="call-77/1")
    desk = await sign_in(voice, "staff")
    shown = await page(desk, f"/appointments/{id_}")
    for words in (
        "Maya Okafor",
        "+44 7700 900123",
        "Thursday, 26 November 2026 10:00 – 11:00",
        "Consultation, 60 min",
        "Phone agent, Mon 2 Nov, 08:00",
        "not confirmed yet",
        "Text message of the booking on its way",
        "Booked Mon 2 Nov, 08:00",
    ):
        assert words in shown.words, words
    lead = (await row(voice, id_))["contact_id"]
    assert f'href="{desk.url(f"/leads/{lead}")}"' in shown.source
    assert "/calls/call-77%252F1" in shown.source
    assert await audited(voice) == [("appointment_viewed", str(id_))]


async def test_the_panel_alone_is_for_a_script(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    for path in (f"/appointments/{id_}", "/appointments/new"):
        answer = await desk.api.http.get(
            desk.url(path), headers={**desk.cookies, "X-Fragment": "1"}
        )
        assert answer.text.strip().startswith('<article class="panel')
        assert answer.text.strip().endswith("</article>")


async def test_who_only_reads_sees_no_form_and_can_post_none(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "read_only")
    shown = await page(desk, f"/appointments/{id_}")
    assert shown.status == 200
    assert not any(shown.has_form(action) for action in (*ACTIONS, "retry"))
    before = await row(voice, id_)
    for action in ACTIONS:
        answer = await desk.post(f"/appointments/{id_}/{action}", {"version": "1"})
        assert answer.status_code == 403
    assert (await desk.post("/appointments", NEW)).status_code == 403
    assert (await desk.get("/appointments/new")).status_code == 403
    assert await row(voice, id_) == before


async def test_another_clinics_appointment_is_none(voice: Api) -> None:
    id_ = await booked(voice)
    before = await row(voice, id_)
    theirs = await sign_in(voice, clinic=await voice.open_clinic())
    ours = await sign_in(voice)
    for desk, asked in ((theirs, id_), (ours, uuid4())):
        assert (await desk.get(f"/appointments/{asked}")).status_code == 404
        for action in ACTIONS:
            for json in (False, True):
                fields = {"version": "1", "day": THURSDAY, "time": "12:00"}
                answer = await desk.post(f"/appointments/{asked}/{action}", fields, json=json)
                assert answer.status_code == 404, (action, answer.text)
                assert "Okafor" not in answer.text
    assert (await ours.get("/appointments/nonsense")).status_code == 404
    assert await row(voice, id_) == before
    assert [action for action, _ in await audited(voice)] == []


async def test_a_move_and_its_undo_by_forms_alone(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    shown = await page(desk, f"/appointments/{id_}")
    moved = await send(desk, shown.form("move"), time="14:15")
    assert "Moved." in moved.words
    assert "from Thu 26 Nov, 10:00 to Thu 26 Nov, 14:15" in moved.words
    kept = await row(voice, id_)
    assert (kept["scheduled_at"], kept["version"]) == (at("14:15"), 2)
    back = await send(desk, moved.form("move", at=1))
    assert "Moved." in back.words
    assert (await row(voice, id_))["scheduled_at"] == at("10:00")
    assert [action for action, _ in await audited(voice)].count("appointment_moved") == 2


async def test_a_move_to_somebody_else(voice: Api) -> None:
    chen = await voice.database.practitioner(voice.clinic.id, name="Dr Chen")
    id_ = await booked(voice, practitioner="Harbor Dental")
    desk = await sign_in(voice, "staff")
    shown = await page(desk, f"/appointments/{id_}")
    moved = await send(desk, shown.form("move"), practitioner=str(chen))
    assert "from Harbor Dental to Dr Chen" in moved.words
    assert "Put back to Thu 26 Nov, 10:00 with Harbor Dental" in moved.words
    assert (await row(voice, id_))["practitioner_id"] == chen


async def test_a_script_is_given_the_undo(voice: Api) -> None:
    id_ = await booked(voice)
    who = (await row(voice, id_))["practitioner_id"]
    desk = await sign_in(voice, "staff")
    fields = {"day": THURSDAY, "time": "14:15", "practitioner": str(who), "version": 1}
    done = (await script(desk, f"/appointments/{id_}/move", **fields)).json()
    assert done == {
        "success": True,
        "appointment_id": str(id_),
        "version": 2,
        "status": "confirmed",
        "day": THURSDAY,
        "time": "14:15",
        "practitioner_id": str(who),
        "undo": {"day": THURSDAY, "time": "10:00", "practitioner": str(who), "version": 2},
    }
    undone = (await script(desk, f"/appointments/{id_}/move", **done["undo"])).json()
    assert (undone["time"], undone["version"]) == ("10:00", 3)


async def test_what_is_not_the_newest_is_told_what_is(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    old = await page(desk, f"/appointments/{id_}")
    await send(desk, old.form("move"), time="14:15")
    who = str((await row(voice, id_))["practitioner_id"])
    current = {
        "day": THURSDAY,
        "time": "14:15",
        "practitioner": who,
        "status": "confirmed",
        "version": 2,
    }
    for action in ACTIONS:
        fields = {"day": THURSDAY, "time": "12:00", "version": "1"}
        answer = await script(desk, f"/appointments/{id_}/{action}", **fields)
        assert (answer.status_code, answer.json()["code"]) == (409, "STALE_VERSION")
        assert answer.json()["current"] == current
    shown = await send(desk, old.form("move"), time="12:00")
    assert (shown.status, "changed in the meantime" in shown.words) == (409, True)
    again = shown.form("move")
    assert (again["time"], again["version"]) == ("14:15", "2")


@pytest.mark.parametrize("version", ["", "x", "-1", "²", "99999999999999999999"])
async def test_without_a_version_nothing_is_done(voice: Api, version: str) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    for action in ACTIONS:
        fields = {"day": THURSDAY, "time": "12:00", "version": version}
        assert (await script(desk, f"/appointments/{id_}/{action}", **fields)).status_code == 422
    assert (await row(voice, id_))["version"] == 1


async def test_a_move_onto_another_offers_what_booking_does(voice: Api) -> None:
    id_ = await booked(voice)
    await book_tom(voice)
    desk = await sign_in(voice, "staff")
    form = (await page(desk, f"/appointments/{id_}")).form("move")
    shown = await send(desk, form, time="14:00")
    assert (shown.status, "That time is taken." in shown.words) == (409, True)
    assert shown.form("move")["time"] == "14:00"
    assert len(shown.buttons("choose")) == 3
    assert "Taylor" not in shown.source
    unsaid = await send(desk, shown.form("move"), overbook="1", reason="")
    assert "it isn't done without a reason" in unsaid.words
    done = await send(desk, unsaid.form("move"), overbook="1", reason="twins")
    assert "Put over another twins" in done.words
    assert (await row(voice, id_))["overlap_allowed"]
    # Moved away again it stands under the constraint as any other.
    await send(desk, done.form("move"), time="12:00")
    kept = await row(voice, id_)
    assert (kept["overlap_allowed"], "overlap_reason" in kept["metadata"]) == (False, False)


async def test_an_alternative_of_a_move_is_a_press_away(voice: Api) -> None:
    id_ = await booked(voice)
    await book_tom(voice)
    desk = await sign_in(voice, "staff")
    shown = await send(desk, (await page(desk, f"/appointments/{id_}")).form("move"), time="14:00")
    choice = shown.buttons("choose")[0]
    done = await send(desk, {**shown.form("move"), "reason": "left over"}, choose=choice)
    assert "Moved." in done.words
    kept = await row(voice, id_)
    assert kept["scheduled_at"].strftime("%H:%M") == choice.split("|")[1]
    assert not kept["overlap_allowed"]


async def test_a_cancelled_one_can_be_booked_again(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    form = (await page(desk, f"/appointments/{id_}")).form("cancel")
    shown = await send(desk, form, reason="moved house")
    assert "book it again instead" in shown.words
    kept = await row(voice, id_)
    assert (kept["status"], "moved house" in kept["metadata"]) == ("cancelled", True)
    assert not any(shown.has_form(action) for action in ACTIONS)
    (link,) = re.findall(r'href="([^"]*/appointments/new[^"]*)"', shown.source)
    again = Page(await desk.api.http.get(html.unescape(link), headers=desk.cookies)).form("book")
    assert (again["day"], again["time"], again["lead"]) == (
        THURSDAY,
        "10:00",
        str(kept["contact_id"]),
    )
    assert "Booked." in (await send(desk, again)).words
    assert await counted(voice) == 2


async def test_what_became_of_it_and_back(voice: Api) -> None:
    id_ = await booked(voice)
    desk = await sign_in(voice, "staff")
    early = await page(desk, f"/appointments/{id_}")
    assert not early.has_form("complete")
    answer = await script(desk, f"/appointments/{id_}/complete", version=1)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "The appointment hasn't begun yet.",
    )
    await voice.database.set_clock(at("10:05"))
    # Sessions end by that clock.
    desk = await sign_in(voice, "staff")
    shown = await send(desk, (await page(desk, f"/appointments/{id_}")).form("no-show"))
    assert "Written down: the patient didn't come." in shown.words
    assert (await row(voice, id_))["status"] == "no_show"
    shown = await send(desk, shown.form("confirm"))
    assert "it counts as booked again" in shown.words
    shown = await send(desk, shown.form("complete"))
    assert (await row(voice, id_))["status"] == "completed"
    actions = [action for action, _ in await audited(voice) if action != "appointment_viewed"]
    assert actions == ["appointment_no_show", "appointment_confirmed", "appointment_completed"]
    answer = await script(desk, f"/appointments/{id_}/move", day=THURSDAY, time="12:00", version=4)
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_FOUND")
    assert "can't be done with it any more" in answer.json()["detail"]


async def test_what_failed_can_be_tried_again_by_who_may(voice: Api) -> None:
    id_ = await booked(voice)
    owner = await voice.database.owner()
    await owner.execute(
        "UPDATE deliveries SET status = 'failed', error = 'The number is no mobile.' "
        "WHERE kind = 'sms_confirmation'"
    )
    await owner.execute("UPDATE deliveries SET due_at = 'infinity' WHERE kind = 'calendar'")
    desk = await sign_in(voice, "staff")
    shown = await page(desk, f"/appointments/{id_}")
    assert "Text message of the booking failed The number is no mobile. Try again" in shown.words
    assert "Calendar waiting Try again" in shown.words
    addresses = {shown.form("retry", at)[""] for at in (0, 1)}
    assert addresses == {
        desk.url(f"/deliveries/{id_}/{kind}/retry") for kind in ("calendar", "sms_confirmation")
    }
    reader = await sign_in(voice, "read_only")
    assert not (await page(reader, f"/appointments/{id_}")).has_form("retry")


async def test_scripts_are_text_wherever_they_are_typed(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    names = {*await new_form(desk), *NEW, "which", "choose", "reason", "hold"} - {"", "csrf"}
    query: dict[str, str] = dict.fromkeys(sorted(names), TAGS)
    form = {**query, "": desk.url("/appointments"), "csrf": desk.csrf}
    for changed in (
        {"find": "1"},
        {"lead": TAGS},
        {"lead": ""},
        {"lead": "", "phone": "", "name": TAGS},
    ):
        answer = await send(desk, form, **changed)
        assert answer.status in (200, 422)
        assert "<script>alert" not in answer.source
        assert "&lt;script&gt;alert" in answer.source
    assert "<script>alert" not in (await page(desk, "/appointments/new", **query)).source
    id_ = await booked(voice)
    owner = await voice.database.owner()
    await owner.execute(
        "UPDATE appointments SET service_type = $1, source = $1, call_id = $1, metadata = "
        "jsonb_build_object('notes', $1::text, 'overlap_reason', $1::text, 'patient', "
        "jsonb_build_object('name', $1::text, 'phone', $1::text, 'email', $1::text))",
        TAGS,
    )
    await owner.execute("UPDATE practitioners SET name = $1", TAGS)
    await owner.execute(
        "INSERT INTO rooms (org_id, id, name) VALUES ($1, $2, $3)", voice.clinic.id, id_, TAGS
    )
    await owner.execute("UPDATE appointments SET room_id = id")
    await owner.execute("UPDATE deliveries SET status = 'failed', error = $1", TAGS)
    await owner.execute(
        "INSERT INTO events (org_id, kind, appointment_id, data) VALUES ($1, $2, $3, '{}')",
        voice.clinic.id,
        TAGS,
        id_,
    )
    shown = await page(desk, f"/appointments/{id_}")
    assert shown.status == 200
    assert "<script>alert" not in shown.source
    assert shown.source.count("&lt;script&gt;alert") >= 9
    for action in ACTIONS:
        said = dict.fromkeys(("day", "time", "practitioner", "reason", "choose"), TAGS)
        refused = await desk.post(f"/appointments/{id_}/{action}", {**said, "version": "1"})
        assert "<script>alert" not in refused.text

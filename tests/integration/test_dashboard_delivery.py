"""The delivery page: what needs a person, in words, and what a person does about it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import parse, submit, words
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client
from voxanne.inbound.dashboard.deliveries import DELIVERIES_SHOWN, MESSAGES_SHOWN

pytestmark = pytest.mark.asyncio(loop_scope="module")

DELIVERY = "/delivery"
SCRIPT = "<script>alert('x')</script>"


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


@pytest_asyncio.fixture(loop_scope="module")
async def desk(voice: Api) -> Desk:
    return await sign_in(voice, "staff")


async def take_message(voice: Api, org_id: UUID | None = None, **said: Any) -> Json:
    answer: Json = await voice.database.call(
        await voice.database.owner(),
        "take_message",
        org_id or voice.clinic.id,
        **{"body": "Please call me back.", "call_id": "call-7", **said},
    )
    assert answer["success"], answer
    return answer


async def fail(voice: Api, channel: str, status: str = "failed") -> None:
    """The deliveries of a channel: given up, or parked."""
    due = "'infinity'" if status == "queued" else "due_at"
    await (await voice.database.owner()).execute(
        f"UPDATE deliveries SET status = $2, due_at = {due}, attempts = 3, "
        "error_code = 'unreachable', error = 'It could not be reached.' WHERE channel = $1",
        channel,
        status,
    )


async def state(voice: Api, channel: str) -> Any:
    return await voice.value("SELECT status FROM deliveries WHERE channel = $1", channel)


async def section(desk: Desk, name: str, **query: Any) -> str:
    """What is read in a part of the page."""
    answer = await desk.get(DELIVERY, **query)
    assert answer.status_code == 200
    (found,) = (each for each in parse(answer.text).iter("section") if each.get("id") == name)
    assert found.get("data-live") is not None
    return " ".join(" ".join(found.itertext()).split())


async def test_a_quiet_clinic_has_nothing_to_do(desk: Desk) -> None:
    said = words((await desk.get(DELIVERY)).text)
    assert "No new alerts." in said
    assert "No message waits." in said
    assert "Everything gets where it should." in said


async def test_every_role_reads_it_and_only_staff_act(voice: Api, admin: Client) -> None:
    await admin.book()
    await fail(voice, "sms")
    await take_message(voice, urgency="high")
    (alert,) = await voice.rows("SELECT id, message_id FROM alerts")
    (failed,) = await voice.rows("SELECT subject_id, kind FROM deliveries WHERE channel = 'sms'")
    paths = (
        f"/alerts/{alert['id']}/seen",
        f"/messages/{alert['message_id']}/done",
        f"/messages/{alert['message_id']}/reopen",
        f"/deliveries/{failed['subject_id']}/{failed['kind']}/retry",
    )
    reader = await sign_in(voice, "read_only")
    page = await reader.get(DELIVERY)
    assert page.status_code == 200
    for path in paths:
        assert path not in page.text
        assert (await reader.post(path)).status_code == 403
    elsewhere = await sign_in(voice, clinic=await voice.open_clinic())
    for path in paths:
        assert (await elsewhere.post(path)).status_code == 404
    assert await state(voice, "sms") == "failed"
    owner = await sign_in(voice)
    opened = await owner.get(DELIVERY)
    for path in (*paths[:2], paths[3]):
        assert path in opened.text
        assert (await owner.post(path)).status_code == 303


async def test_an_alert_is_told_in_words_with_links_and_seen(voice: Api, desk: Desk) -> None:
    await take_message(voice, urgency="emergency")
    said = await section(desk, "alerts")
    assert "A caller left an emergency message." in said
    page = (await desk.get(DELIVERY)).text
    (alert,) = await voice.rows("SELECT id, message_id FROM alerts")
    assert f'href="#message-{alert["message_id"]}"' in page
    assert f'href="{desk.url("/calls/call-7")}"' in page

    answer = await desk.post(f"/alerts/{alert['id']}/seen")
    assert answer.headers["location"].endswith("/delivery?done=seen")
    assert "No new alert" in await section(desk, "alerts")
    assert await voice.value("SELECT seen_at FROM alerts") is not None
    (row,) = await voice.rows("SELECT * FROM audit_log WHERE action = 'alert_seen'")
    assert row["subject_id"] == str(alert["id"])


async def test_a_message_is_read_done_and_opened_again(voice: Api, desk: Desk) -> None:
    taken = await take_message(
        voice,
        name="Maya Okafor",
        caller_phone="+442079460958",
        callback_phone="+447700900123",
        urgency="high",
    )
    message = taken["message_id"]
    said = await section(desk, "messages")
    assert "Maya Okafor high Please call me back." in said
    assert "+44 7700 900123" in said
    viewed = await voice.rows("SELECT * FROM audit_log WHERE action = 'message_viewed'")
    assert [row["subject_id"] for row in viewed] == [message]
    assert "Maya" not in str(viewed)

    await desk.post(f"/messages/{message}/done")
    assert "No message waits." in await section(desk, "messages")
    assert "Maya Okafor" in await section(desk, "messages", messages="done")
    await desk.post(f"/messages/{message}/reopen")
    assert "Maya Okafor" in await section(desk, "messages")


async def test_what_failed_is_told_with_its_reason_and_tried_again(
    voice: Api, desk: Desk, admin: Client
) -> None:
    booked = await admin.book()
    await fail(voice, "sms")
    await fail(voice, "calendar", "queued")
    said = await section(desk, "stuck")
    assert "Text message: confirmation" in said
    assert "failed It could not be reached. 3 attempts given up" in said
    assert "waiting It could not be reached. 3 attempts when it is put right" in said
    assert "Thu 26 Nov, 10:00" in said
    assert "Maya" not in said

    path = f"/deliveries/{booked['id']}/sms_confirmation/retry"
    answer = await desk.post(path)
    assert answer.headers["location"].endswith("/delivery?done=retried")
    assert await state(voice, "sms") == "queued"
    await fail(voice, "sms")
    back = f"/appointments/{booked['id']}"
    answer = await desk.post(path, {"back": back})
    assert answer.headers["location"].endswith(f"{back}?done=retried")
    for foreign in ("https://evil.example/", "//evil.example", "/../../sign-out", "/settings"):
        answer = await desk.post(path, {"back": foreign})
        assert answer.headers["location"] == desk.url("/delivery?done=retried")
    answer = await desk.post(path, json=True)
    assert answer.json()["delivery"]["status"] == "queued"


async def test_what_a_later_change_replaced_is_not_tried_again(
    voice: Api, desk: Desk, admin: Client
) -> None:
    booked = await admin.book()
    await fail(voice, "sms")
    moved = (THURSDAY + HOUR).isoformat().replace("+00:00", "Z")
    await admin.patch(f"appointments/{booked['id']}", {"scheduled_at": moved})
    path = f"/deliveries/{booked['id']}/sms_confirmation/retry"
    answer = await desk.post(path)
    assert answer.status_code == 409
    assert "a later change of the appointment has taken its place" in words(answer.text)
    assert (await desk.post(path, json=True)).json()["code"] == "STALE_VERSION"


@pytest.mark.parametrize(
    "path",
    [
        "/deliveries/{id}/calendar/retry",
        "/deliveries/{id}/nothing/retry",
        "/deliveries/{id}/%3Cscript%3E/retry",
        "/deliveries/nobody/calendar/retry",
        "/alerts/{id}/seen",
        "/messages/{id}/done",
        "/messages/1/done",
    ],
)
async def test_what_isnt_there_is_not_found(desk: Desk, path: str) -> None:
    assert (await desk.post(path.format(id=uuid4()))).status_code == 404


async def test_what_waits_is_listed_by_channel_a_page_at_a_time(
    voice: Api, desk: Desk, admin: Client
) -> None:
    await admin.book()
    await (await voice.database.owner()).execute(
        "INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, created_at) "
        "SELECT $1, gen_random_uuid(), 'webhook', 1, current_moment(), "
        "current_moment() - make_interval(secs => number) FROM generate_series(1, $2) AS number",
        voice.clinic.id,
        DELIVERIES_SHOWN + 1,
    )
    assert "Calendar entry" in await section(desk, "deliveries", channel="calendar")
    only_calendars = (await desk.get(DELIVERY, channel="calendar")).text
    assert '<th scope="row">Webhook message</th>' not in only_calendars
    first = await desk.get(DELIVERY, channel="webhook")
    assert first.text.count('<th scope="row">Webhook message</th>') == DELIVERIES_SHOWN
    _, _, rest = first.text.partition(f'href="{desk.url(DELIVERY)}?status=')
    older = ("status=" + rest.partition("#")[0]).replace("&amp;", "&")
    second = await voice.http.get(f"{desk.url(DELIVERY)}?{older}", headers=desk.cookies)
    assert second.text.count('<th scope="row">Webhook message</th>') == 1
    assert "Older" not in words(second.text)
    # There's no list of what got there: it would be all there ever was.
    assert '<option value="delivered"' not in first.text
    unknown = await section(desk, "deliveries", status="delivered", channel="pigeon")
    assert "Webhook message" in unknown


@pytest.mark.parametrize("name", ["alerts", "messages", "deliveries"])
@pytest.mark.parametrize("at", ["", "yesterday", "2026-11-02", "2026-11-02T09:00:00", SCRIPT])
async def test_a_page_that_is_none_begins_anew(desk: Desk, name: str, at: str) -> None:
    query: dict[str, Any] = {f"{name}_at": at, f"{name}_id": SCRIPT}
    answer = await desk.get(DELIVERY, **query)
    assert answer.status_code == 200
    assert SCRIPT not in answer.text


async def test_messages_come_a_page_at_a_time(voice: Api, desk: Desk) -> None:
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO messages (org_id, body, created_at) "
        "SELECT $1, 'number ' || n, current_moment() - make_interval(mins => n) "
        "FROM generate_series(1, $2) AS n",
        voice.clinic.id,
        MESSAGES_SHOWN + 1,
    )
    page = await desk.get(DELIVERY)
    assert f"number {MESSAGES_SHOWN + 1}" not in words(page.text)
    _, _, rest = page.text.partition(f'href="{desk.url(DELIVERY)}?messages=new')
    older = ("messages=new" + rest.partition("#")[0]).replace("&amp;", "&")
    second = await voice.http.get(f"{desk.url(DELIVERY)}?{older}", headers=desk.cookies)
    assert f"number {MESSAGES_SHOWN + 1}" in words(second.text)


async def test_script_in_a_message_is_text(voice: Api, desk: Desk) -> None:
    await take_message(voice, name=SCRIPT, body=SCRIPT, call_id=SCRIPT)
    page = await desk.get(DELIVERY)
    assert SCRIPT not in page.text
    assert words(page.text).lower().count(SCRIPT) >= 2


async def test_another_clinics_things_arent_shown(voice: Api, desk: Desk) -> None:
    other = await voice.open_clinic()
    await take_message(voice, other.id, name="Somebody Else", urgency="emergency")
    assert "Somebody Else" not in words((await desk.get(DELIVERY)).text)
    assert "No new alert" in await section(desk, "alerts")
    assert (await desk.get(DELIVERY, clinic=other)).status_code == 404


async def test_what_needs_somebody_is_counted_beside_the_page(voice: Api, desk: Desk) -> None:
    await take_message(voice, urgency="emergency")
    assert 'title="1 to look at"' in (await desk.get("/settings")).text


async def test_the_form_goes_without_a_script(voice: Api, desk: Desk) -> None:
    await take_message(voice, urgency="high")
    (alert,) = await voice.rows("SELECT id FROM alerts")
    answer = await submit(desk, DELIVERY, action=f"/alerts/{alert['id']}/seen")
    assert answer.status_code == 303

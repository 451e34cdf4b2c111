"""Webhooks and staff alerts: added, tried, stopped, told again, and their secrets shown once."""

from typing import Any

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, submit, words
from tests.integration.v1_requests import Client, client
from voxanne.outbox.alert_urls import open_urls

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOOKS = "/settings/hooks"
URL = "https://clinic.example/hook"
ALERT_URL = "mailtos://user:hidden-password@mail.example?to=desk@mail.example"
SCRIPT = "<script>alert('x')</script>"


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


@pytest_asyncio.fixture(loop_scope="module")
async def owner(voice: Api) -> Desk:
    return await sign_in(voice)


async def webhooks(admin: Client) -> list[Json]:
    items: list[Json] = (await admin.get("webhooks"))["items"]
    return items


async def add(owner: Desk, **said: Any) -> Any:
    return await submit(owner, HOOKS, {"url": URL, **said}, action=HOOKS)


async def added(owner: Desk, admin: Client) -> Json:
    assert (await add(owner)).status_code == 200
    (made,) = await webhooks(admin)
    return made


def secret_in(html: str) -> str:
    _, _, rest = html.partition('id="f-secret" value="')
    secret, _, _ = rest.partition('"')
    assert secret.startswith("whsec_")
    return secret


async def test_everybody_reads_it(voice: Api, owner: Desk, admin: Client) -> None:
    made = await added(owner, admin)
    for role in ("owner", "staff", "read_only"):
        desk = await sign_in(voice, role)
        assert URL in words((await desk.get(HOOKS)).text)
        assert URL in words((await desk.get(f"{HOOKS}/{made['id']}")).text)


async def test_a_webhook_is_added_and_its_secret_shown_once(
    voice: Api, owner: Desk, admin: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = form((await owner.get(HOOKS)).text, HOOKS)
    said = opened | {"url": URL, "types": ["appointment.booked", "appointment.moved"]}
    answer = await owner.post(HOOKS, said)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    secret = secret_in(answer.text)
    (made,) = await webhooks(admin)
    assert (made["url"], made["types"]) == (URL, ["appointment.booked", "appointment.moved"])
    # Sent once more, as a reload does, it's the same.
    again = await owner.post(HOOKS, said)
    assert secret_in(again.text) == secret
    assert len(await webhooks(admin)) == 1
    for path in (HOOKS, f"{HOOKS}/{made['id']}"):
        assert secret not in (await owner.get(path)).text
    assert secret not in capsys.readouterr().out
    assert secret not in str(await voice.rows("SELECT * FROM audit_log"))


@pytest.mark.parametrize(
    "url", ["", "clinic.example", "http://clinic.example/", "https://10.0.0.1/", SCRIPT]
)
async def test_a_wrong_address_is_said_beside_it(owner: Desk, admin: Client, url: str) -> None:
    answer = await add(owner, url=url)
    assert answer.status_code == 422
    assert error_beside(answer.text, "url")
    assert SCRIPT not in answer.text
    assert await webhooks(admin) == []
    (made,) = [await added(owner, admin)]
    path = f"{HOOKS}/{made['id']}"
    answer = await submit(owner, path, {"url": url})
    assert answer.status_code == 422
    assert error_beside(answer.text, "url")
    assert await webhooks(admin) == [made]


async def test_there_are_not_too_many(voice: Api, owner: Desk, admin: Client) -> None:
    for _ in range(20):
        await admin.post("webhooks", {"url": URL})
    answer = await add(owner)
    assert answer.status_code == 422
    assert error_beside(answer.text, "url")
    assert len(await webhooks(admin)) == 20


async def test_script_in_an_address_is_text(owner: Desk, admin: Client) -> None:
    url = f"{URL}?{SCRIPT.replace(' ', '')}"
    assert (await add(owner, url=url)).status_code == 200
    (made,) = await webhooks(admin)
    for path in (HOOKS, f"{HOOKS}/{made['id']}"):
        page = await owner.get(path)
        assert SCRIPT not in page.text
        assert url in words(page.text)


async def test_a_webhook_is_changed_paused_resumed_and_removed(
    voice: Api, owner: Desk, admin: Client
) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    answer = await submit(owner, path, {"url": URL + "2", "types": "alert.raised"})
    assert answer.headers["location"].endswith("done=changed")
    (now,) = await webhooks(admin)
    assert (now["url"], now["types"]) == (URL + "2", ["alert.raised"])
    for action, status in (("pause", "disabled"), ("resume", "active")):
        answer = await submit(owner, path, action=f"{path}/{action}")
        assert answer.status_code == 303
        assert (await webhooks(admin))[0]["status"] == status
    answer = await submit(owner, path, action=f"{path}/remove")
    assert answer.headers["location"].endswith("done=removed")
    assert await webhooks(admin) == []
    assert (await owner.get(path)).status_code == 404
    done = [row["action"] for row in await voice.rows("SELECT action FROM audit_log ORDER BY id")]
    assert done == [
        "webhook_created",
        "webhook_changed",
        "webhook_paused",
        "webhook_resumed",
        "webhook_removed",
    ]


async def test_a_new_secret_is_shown_once(owner: Desk, admin: Client) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    answer = await submit(owner, path, action=f"{path}/rotate")
    secret = secret_in(answer.text)
    page = await owner.get(path)
    assert secret not in page.text
    assert "signed with the secret before this one too" in words(page.text)


async def test_a_ping_is_sent_and_listed(voice: Api, owner: Desk, admin: Client) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    assert (await owner.post(f"{path}/test")).headers["location"].endswith("done=pinged")
    assert "ping" in words((await owner.get(path)).text)
    await voice.value(
        "UPDATE deliveries SET status = 'failed', attempts = 3, error_code = 'http_500', "
        "error = 'The receiver answered with status 500.' WHERE kind = 'webhook' RETURNING 1"
    )
    said = words((await owner.get(path)).text)
    assert "failed 3 The receiver answered with status 500." in said


async def test_it_is_told_again_from_a_day_on(owner: Desk, admin: Client) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    replay = f"{path}/replay"
    answer = await submit(owner, path, {"day": "2026-11-01"}, action=replay)
    assert answer.headers["location"].endswith("done=unchanged")
    await admin.book()
    answer = await submit(owner, path, {"day": "2026-11-01"}, action=replay)
    assert answer.headers["location"].endswith("done=replayed")
    for day in ("", "yesterday", "2026-02-30", SCRIPT):
        answer = await submit(owner, path, {"day": day}, action=replay)
        assert answer.status_code == 422
        assert error_beside(answer.text, "day")
        assert SCRIPT not in answer.text


@pytest.mark.parametrize("action", ["", "/pause", "/remove", "/rotate"])
async def test_what_was_changed_meanwhile_stays(owner: Desk, admin: Client, action: str) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    opened = form((await owner.get(path)).text, path + action)
    await admin.patch(f"webhooks/{path.rpartition('/')[2]}", {"url": URL + "/theirs"})
    answer = await owner.post(path + action, opened)
    assert answer.status_code == 409
    (now,) = await webhooks(admin)
    assert (now["url"], now["status"]) == (URL + "/theirs", "active")
    if action in ("", "/pause"):
        assert URL + "/theirs" in words(answer.text)


async def test_staff_are_told_elsewhere_and_the_addresses_are_never_shown(
    voice: Api, owner: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{HOOKS}/alerts"
    said = {"alert_urls": f"{ALERT_URL}\n\nslack://TokenA/TokenB/TokenC"}
    answer = await submit(owner, HOOKS, said, action=path)
    assert answer.headers["location"].endswith("done=alerts")
    sealed = await voice.value(
        "SELECT alert_urls FROM organizations WHERE id = $1", voice.clinic.id
    )
    assert open_urls(voice.fernet, sealed) == [ALERT_URL, "slack://TokenA/TokenB/TokenC"]
    page = await owner.get(HOOKS)
    assert "mailtos://…@mail.example" in words(page.text)
    seen = page.text + capsys.readouterr().out + str(await voice.rows("SELECT * FROM audit_log"))
    for secret in ("hidden-password", "TokenA"):
        assert secret not in seen
    answer = await submit(owner, HOOKS, {"step": "none"}, action=path)
    assert answer.headers["location"].endswith("done=no_alerts")
    assert "No address yet: nobody is alerted." in words((await owner.get(HOOKS)).text)


@pytest.mark.parametrize(
    "urls",
    ["", "nothing", "file:///etc/passwd", f"{ALERT_URL}\njson://127.0.0.1", "slack://a/b/c\n" * 11],
)
async def test_wrong_addresses_are_said_beside_them(voice: Api, owner: Desk, urls: str) -> None:
    answer = await submit(owner, HOOKS, {"alert_urls": urls}, action=f"{HOOKS}/alerts")
    assert answer.status_code == 422
    assert error_beside(answer.text, "alert_urls")
    assert "hidden-password" not in answer.text
    query = "SELECT alert_urls FROM organizations WHERE id = $1"
    assert await voice.value(query, voice.clinic.id) is None


async def test_who_may_change_what(voice: Api, owner: Desk, admin: Client) -> None:
    path = f"{HOOKS}/{(await added(owner, admin))['id']}"
    actions = ("", "/pause", "/resume", "/rotate", "/test", "/replay", "/remove")
    for role in ("staff", "read_only"):
        desk = await sign_in(voice, role)
        for target in (HOOKS, f"{HOOKS}/alerts", *(path + action for action in actions)):
            assert (await desk.post(target, {"version": "1"})).status_code == 403
    elsewhere = await sign_in(voice, clinic=await voice.open_clinic())
    assert (await elsewhere.get(path)).status_code == 404
    for action in actions:
        sent = {"version": "1", "day": "2026-11-01", "url": URL}
        assert (await elsewhere.post(path + action, sent)).status_code == 404
    assert len(await webhooks(admin)) == 1

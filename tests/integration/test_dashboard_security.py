"""What stands between the dashboard and whoever isn't meant to be there."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import argon2
import httpx2
import pytest

from tests.database import Server
from tests.integration.clinics import NOW, Api, running_api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.staff_accounts import (
    EMAIL,
    PASSWORD,
    Browser,
    assert_safe,
    csrf_of,
    make_account,
    make_link,
)
from voxanne.inbound.dashboard.guard import csrf_token
from voxanne.inbound.dashboard.sessions import own_path
from voxanne.inbound.tokens import new_token, token_hash

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def browser(voice: Api) -> Browser:
    return Browser(voice.http)


@contextlib.asynccontextmanager
async def api_with(server: Server, **settings: Any) -> AsyncIterator[Api]:
    async with server.database() as database, running_api(database, **settings) as api:
        yield api


# Forms


FORMS = ["/account", "/sign-out", "/join/some-token"]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("csrf", ["", "wrong", "é", "another's"])
async def test_a_form_needs_its_sessions_token(
    voice: Api, browser: Browser, path: str, csrf: str
) -> None:
    await make_account(voice)
    await browser.sign_in()
    if csrf == "another's":
        csrf = (await sign_in(voice)).csrf
    answer = await browser.post(path, {"action": "end_others", "csrf": csrf})
    assert answer.status_code == 403
    assert_safe(answer)
    assert (
        await voice.value(
            "SELECT count(*) FROM sessions WHERE token_hash = $1", (token_hash(browser.token or ""))
        )
        == 1
    )


async def test_a_header_will_do_for_scripts(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    fields = {"action": "end_others", "csrf": ""}
    token = csrf_token(browser.token or "")
    assert (await browser.post("/account", fields, X_CSRF_Token=token)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://clinic.test"},
    ],
)
async def test_another_sites_form_is_refused_whatever_it_holds(
    voice: Api, browser: Browser, headers: dict[str, str]
) -> None:
    staff_id = await make_account(voice)
    link = await make_link(voice, staff_id)
    assert (await browser.sign_in(**headers)).status_code == 403
    assert (await browser.post(f"/sign-in/{link}", **headers)).status_code == 403
    assert browser.token is None
    await browser.sign_in()
    csrf = csrf_token(browser.token or "")
    for path in FORMS:
        refused = await browser.post(path, {"action": "end_others", "csrf": csrf}, **headers)
        assert refused.status_code == 403, path
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://clinic.test", 303),
        ("https://evil.example", 403),
        ("http://clinic.test.evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_older_browsers_send_an_origin(voice: Api, origin: str, status: int) -> None:
    await make_account(voice)
    answer = await voice.http.post(
        "/sign-in", data={"email": EMAIL, "password": PASSWORD}, headers={"Origin": origin}
    )
    voice.http.cookies.clear()
    assert answer.status_code == status


# Headers


async def test_every_page_and_refusal_has_its_headers(voice: Api, browser: Browser) -> None:
    staff_id = await make_account(voice)
    link = await make_link(voice, staff_id)
    root = f"/clinic/{voice.clinic.id}"
    for path in ("/", "/sign-in", f"/sign-in/{link}", "/sign-in/none", "/account", "/join/none"):
        assert_safe(await browser.get(path))
    for path in (f"{root}/calendar", f"{root}/nothing", "/clinic/none/calendar"):
        assert_safe(await browser.get(path))
        assert_safe(await browser.get(path, Accept="application/json"))
    assert_safe(await browser.sign_in(password="wrong"))
    assert_safe(await browser.sign_in())
    for path in ("/account", "/join/none", f"{root}/calendar", f"{root}/settings/staff"):
        assert_safe(await browser.get(path))
    for accept in ("text/html", "application/json"):
        assert_safe(await browser.post("/account", {"csrf": ""}, Accept=accept))
        assert_safe(await browser.post(f"{root}/settings/staff", {"csrf": ""}, Accept=accept))
        too_long = {"name": "x" * 300_000, "csrf": ""}
        answer = await browser.post(f"{root}/settings/staff", too_long, Accept=accept)
        assert answer.status_code == 413
        assert_safe(answer)
    assert_safe(await browser.post("/sign-out"))


async def test_each_page_has_a_nonce_of_its_own(browser: Browser) -> None:
    policies = {
        (await browser.get("/sign-in")).headers["content-security-policy"] for _ in range(5)
    }
    assert len(policies) == 5


# The cookie


async def test_the_cookie_in_development(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    cookie = (await browser.sign_in()).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "samesite=lax", "path=/", "max-age=1209600"}


@pytest.mark.parametrize(
    "settings", [{"env": "production"}, {"public_url": "https://desk.clinic.example"}]
)
async def test_the_cookie_where_browsers_come_by_tls(
    server: Server, settings: dict[str, str]
) -> None:
    async with api_with(server, **settings) as api:
        await make_account(api)
        browser = Browser(api.http, cookie="__Host-voxanne")
        answer = await browser.sign_in()
        cookie = answer.headers["set-cookie"]
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        # As `__Host-` demands: secure, for the whole host, without a domain.
        assert parts == {"httponly", "samesite=lax", "path=/", "max-age=1209600", "secure"}
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert (await browser.get("/account")).status_code == 200
        # The other name, which any page of a neighbouring host could plant, means nothing.
        assert (
            await Browser(api.http, "voxanne", browser.token).get("/account")
        ).status_code == 303
        cleared = (await browser.post("/sign-out")).headers["set-cookie"].lower()
        assert cleared.startswith("__host-voxanne=")
        assert "secure" in cleared


async def test_only_a_hash_of_the_cookie_is_kept(voice: Api, browser: Browser) -> None:
    staff_id = await make_account(voice)
    link = await make_link(voice, staff_id)
    await browser.sign_in()
    token = browser.token or ""
    for table in ("sessions", "sign_in_links", "staff_accounts", "sign_in_attempts"):
        for row in await voice.rows(f"SELECT {table}::text AS row FROM {table}"):
            assert token not in row["row"]
            assert link not in row["row"]
            assert PASSWORD not in row["row"]


# A session's end


async def visits(voice: Api, desk: Desk) -> int:
    return (await desk.get("/calendar")).status_code


async def test_a_session_ends_when_nobody_uses_it(voice: Api) -> None:
    desk = await sign_in(voice)
    await voice.database.set_clock(NOW + timedelta(hours=11, minutes=59))
    assert await visits(voice, desk) == 200
    await voice.database.set_clock(NOW + timedelta(hours=23, minutes=58))
    assert await visits(voice, desk) == 200, "it was used"
    await voice.database.set_clock(NOW + timedelta(hours=35, minutes=59))
    assert await visits(voice, desk) == 303


async def test_a_session_ends_after_two_weeks_however_it_is_used(voice: Api) -> None:
    desk = await sign_in(voice)
    for hours in (*range(11, 335, 11), 335.9):
        await voice.database.set_clock(NOW + timedelta(hours=hours))
        assert await visits(voice, desk) == 200
    await voice.database.set_clock(NOW + timedelta(days=14, seconds=1))
    assert await visits(voice, desk) == 303


async def test_what_a_page_does_by_itself_does_not_keep_a_session_alive(voice: Api) -> None:
    desk = await sign_in(voice)
    query = "SELECT open_visit($1, $2, false)"
    for hours in (6, 11):
        await voice.database.set_clock(NOW + timedelta(hours=hours))
        assert await voice.value(query, token_hash(desk.token), voice.clinic.id) is not None
    await voice.database.set_clock(NOW + timedelta(hours=12, minutes=1))
    assert await voice.value(query, token_hash(desk.token), voice.clinic.id) is None
    assert await voice.value("SELECT last_seen_at FROM memberships") is None


@pytest.mark.parametrize("headers", [{"X-Renewed": "1"}, {"Accept": "text/event-stream"}])
async def test_a_page_left_open_does_not_keep_its_session_alive(
    voice: Api, headers: dict[str, str]
) -> None:
    desk = await sign_in(voice)
    path = desk.url("/calendar")
    for hours, status in ((6, 200), (11, 200), (12.1, 303)):
        await voice.database.set_clock(NOW + timedelta(hours=hours))
        answer = await voice.http.get(path, headers=desk.cookies | headers)
        assert answer.status_code == status


async def test_a_revoked_session_is_over_at_once(voice: Api) -> None:
    desk = await sign_in(voice)
    assert await visits(voice, desk) == 200
    await voice.value("SELECT end_sessions($1)", desk.staff_id)
    assert await visits(voice, desk) == 303
    assert (await desk.post("/settings/staff", {"email": "x@y.example"})).status_code == 401


async def test_a_changed_role_holds_from_the_next_request_on(voice: Api) -> None:
    await sign_in(voice, "owner")
    desk = await sign_in(voice, "owner", email="second@clinic.example")
    assert (await desk.get("/settings/staff")).status_code == 200
    await voice.value("SELECT change_member_role($1, $2, 'staff')", voice.clinic.id, desk.staff_id)
    assert (await desk.get("/settings/staff")).status_code == 403
    await voice.value("SELECT remove_member($1, $2)", voice.clinic.id, desk.staff_id)
    assert (await desk.get("/calendar")).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "../../etc", "%00", "a" * 5_000, "' OR true --"])
async def test_a_forged_cookie_is_nobodys(voice: Api, token: str) -> None:
    await sign_in(voice)
    desk = Desk(voice, voice.clinic, voice.clinic.id, token)
    assert await visits(voice, desk) == 303


# Guessing


async def test_an_address_of_mail_is_tried_ten_times(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    for email in (EMAIL, "nobody@clinic.example"):
        answers = [await browser.sign_in(email, "wrong") for _ in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 900
        assert "Try again in 15 minutes" in answers[-1].text
        assert_safe(answers[-1])
    assert (await browser.sign_in()).status_code == 429, "not even with the right one"
    await voice.database.set_clock(NOW + timedelta(minutes=16))
    assert (await browser.sign_in()).status_code == 303


async def test_success_forgets_the_address_of_mail_and_not_the_networks(
    voice: Api, browser: Browser
) -> None:
    await make_account(voice)
    for _ in range(3):
        await browser.sign_in(password="wrong")
    assert (await browser.sign_in()).status_code == 303
    assert await voice.rows("SELECT attempts FROM sign_in_attempts") == [{"attempts": 4}]


async def test_a_network_address_tries_a_hundred_times(
    voice: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *_: False)
    answers = [await browser.sign_in(f"{n}@clinic.example", "wrong") for n in range(101)]
    assert {answer.status_code for answer in answers[:100]} == {401}
    assert answers[100].status_code == 429
    # From elsewhere it goes on.
    answers[0] = await from_network(voice, "203.0.113.7").sign_in("x@clinic.example", "wrong")
    assert answers[0].status_code == 401


async def test_an_ipv6_network_is_one(voice: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *_: False)
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"):
        await from_network(voice, address).sign_in("x@clinic.example", "wrong")
    counted = await voice.rows("SELECT attempts FROM sign_in_attempts ORDER BY attempts")
    assert [row["attempts"] for row in counted] == [1, 2, 3]


def from_network(voice: Api, address: str) -> Browser:
    inner = voice.http._transport
    assert isinstance(inner, httpx2.ASGITransport)
    transport = httpx2.ASGITransport(app=inner.app, client=(address, 4_711))
    return Browser(httpx2.AsyncClient(transport=transport, base_url="http://clinic.test"))


async def test_ten_at_once_are_counted_one_by_one(
    voice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *_: False)
    browsers = [Browser(voice.http) for _ in range(25)]
    answers = await asyncio.gather(*(one.sign_in(password="wrong") for one in browsers))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 15


async def test_whoever_it_is_one_hash_is_verified(
    voice: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody learns from the time it takes whether there is such an account."""
    verified: list[str] = []
    await make_account(voice)
    await make_account(voice, email="link@clinic.example", password=None)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_by(verified))
    for email in (EMAIL, "link@clinic.example", "nobody@clinic.example"):
        del verified[:]
        assert (await browser.sign_in(email, "wrong")).status_code == 401
        assert len(verified) == 1
        assert verified[0].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def counted_by(verified: list[str]) -> object:
    original = argon2.PasswordHasher.verify

    def verify(hasher: argon2.PasswordHasher, stored: str, said: str) -> bool:
        verified.append(stored)
        return original(hasher, stored, said)

    return verify


async def test_few_are_hashed_at_once(
    voice: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    lock, both = threading.Lock(), threading.Barrier(2, timeout=10)

    def verify(*_: object) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1
        return False

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    await asyncio.gather(
        *(Browser(voice.http).sign_in(f"{n}@clinic.example", "wrong") for n in range(8))
    )
    assert most == 2


async def test_passwords_and_tokens_are_never_logged(
    voice: Api,
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    staff_id = await make_account(voice)
    link = await make_link(voice, staff_id)
    await browser.sign_in(password="wrong " + PASSWORD)
    await browser.sign_in()
    await browser.post(f"/sign-in/{link}", {"new_password": "seven quiet winter trains"})
    fields = {"action": "password", "old_password": "x", "new_password": "y"}
    await browser.post("/account", fields)
    out, err = capsys.readouterr()
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    said = out + err + " ".join(record.getMessage() for record in ours)
    assert "route=/sign-in/{token}" in said
    for secret in (PASSWORD, "seven quiet", link, browser.token or "?", EMAIL, "clinic.example"):
        assert secret not in said


# Where it leads


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "/clinic\\@evil.example",
        "/clinic/x\r\nSet-Cookie: a=b",
        "/clinic/x\nLocation: https://evil.example",
        "/clinicevil",
        "/sign-in?next=//evil.example",
        "/clinic/ x",
        "/api/vapi",
        "",
    ],
)
async def test_it_leads_nowhere_else(voice: Api, browser: Browser, following: str) -> None:
    assert own_path(following) == "/"
    await make_account(voice)
    answer = await browser.sign_in(following=following)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert answer.headers.get_list("set-cookie")[0].startswith("voxanne=")
    assert len(answer.headers.get_list("set-cookie")) == 1
    shown = await Browser(voice.http).http.get("/sign-in", params={"next": following})
    assert 'name="next" value="/"' in shown.text


async def test_what_is_typed_is_shown_as_text(voice: Api, browser: Browser) -> None:
    answer = await browser.sign_in('"><script>alert(1)</script>@x', "wrong")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert_safe(answer)


async def test_a_form_with_thousands_of_fields_is_refused(voice: Api, browser: Browser) -> None:
    answer = await browser.post("/sign-in", {f"f{n}": "" for n in range(5_001)})
    assert answer.status_code == 422


async def test_a_page_of_the_form_names_its_token(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    assert csrf_of(await browser.get("/account")) == csrf_token(browser.token or "")
    assert csrf_token(browser.token or "") != csrf_token(new_token())

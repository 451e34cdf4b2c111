"""What patients are sent: the account, the words with their preview, and who wants none."""

from typing import Any

import pytest
import pytest_asyncio

from tests.integration.clinics import Api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, submit, words
from tests.integration.v1_requests import Client, client
from voxanne.texts.templates import KINDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = "/settings/messages"
REMINDER = f"{MESSAGES}/sms_reminder/en"
TOKEN = "a-token-nobody-may-read"
SID = "AC0123456789abcdef0123456789abcdef"
OWN = "{clinic}: {when}. Reply C to confirm: {link}"
SCRIPT = "<script>alert('x')</script>"


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


@pytest_asyncio.fixture(loop_scope="module")
async def owner(voice: Api) -> Desk:
    return await sign_in(voice)


async def set_account(desk: Desk, **changes: str) -> Any:
    said = {"account_sid": SID, "token": TOKEN, "number": "020 7946 0000", **changes}
    return await submit(desk, MESSAGES, said, action=f"{MESSAGES}/account")


@pytest.mark.parametrize("path", [MESSAGES, REMINDER])
async def test_everybody_reads_it(voice: Api, path: str) -> None:
    for role in ("owner", "staff", "read_only"):
        desk = await sign_in(voice, role)
        assert words((await desk.get(path)).text)


async def test_the_account_is_set_shown_without_its_token_and_removed(
    voice: Api, owner: Desk, admin: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await set_account(owner)
    assert answer.headers["location"].endswith("done=account")
    stored = await admin.get("sms-account")
    assert (stored["account_sid"], stored["number"]) == (SID, "+442079460000")
    sealed = await voice.value("SELECT encrypted_token FROM sms_accounts")
    assert voice.fernet.decrypt(sealed) == TOKEN.encode()
    page = await owner.get(MESSAGES, done="account")
    assert stored["message_url"] in page.text
    assert "The account is set." in words(page.text)
    assert TOKEN not in page.text + capsys.readouterr().out
    assert TOKEN not in str(await voice.rows("SELECT * FROM audit_log"))

    answer = await owner.post(f"{MESSAGES}/account/remove")
    assert answer.headers["location"].endswith("done=off")
    assert await admin.refused("GET", "sms-account") == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("account_sid", ""),
        ("account_sid", "AC/../../x"),
        ("account_sid", SCRIPT),
        ("token", ""),
        ("token", "x" * 201),
        ("number", "12"),
        ("number", SCRIPT),
    ],
)
async def test_a_wrong_account_is_said_beside_it(
    voice: Api, owner: Desk, field: str, said: str
) -> None:
    answer = await set_account(owner, **{field: said})
    assert answer.status_code == 422
    assert error_beside(answer.text, field)
    assert SCRIPT not in answer.text
    assert TOKEN not in answer.text
    assert await voice.value("SELECT count(*) FROM sms_accounts") == 0


async def test_words_are_previewed_saved_and_taken_back(owner: Desk, admin: Client) -> None:
    answer = await submit(owner, REMINDER, {"body": OWN, "step": "preview"})
    assert answer.status_code == 200
    said = words(answer.text)
    assert "Harbor Dental: Thursday 26 November at 10 am. Reply C to confirm:" in said
    assert "1 segment, GSM-7" in said
    assert (await admin.get("templates/sms_reminder"))["own"] is False

    assert (await submit(owner, REMINDER, {"body": OWN})).status_code == 303
    stored = await admin.get("templates/sms_reminder")
    assert (stored["body"], stored["own"]) == (OWN, True)
    assert form((await owner.get(REMINDER)).text, REMINDER)["body"] == [OWN]

    answer = await submit(owner, REMINDER, {"step": "built_in"})
    assert answer.headers["location"].endswith("done=built_in")
    assert (await admin.get("templates/sms_reminder"))["own"] is False


async def test_a_character_that_makes_it_longer_is_named(owner: Desk) -> None:
    answer = await submit(owner, REMINDER, {"body": "{clinic} “{when}”", "step": "preview"})
    said = words(answer.text)
    assert "UCS-2" in said
    assert "because of “ ”" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "es", "de"])
async def test_each_kind_has_its_page(owner: Desk, kind: str, language: str) -> None:
    page = await owner.get(f"{MESSAGES}/{kind}/{language}")
    assert "segment" in words(page.text)
    assert "{clinic}" in page.text


@pytest.mark.parametrize(
    "body",
    [
        "{nonsense}",
        "{clinic",
        "Reply STOP to cancel",
        "x" * 1601,
        "{clinic} " * 150,
        SCRIPT + "{x}",
    ],
)
@pytest.mark.parametrize("step", ["", "preview"])
async def test_wrong_words_are_said_beside_them(
    owner: Desk, admin: Client, body: str, step: str
) -> None:
    answer = await submit(owner, REMINDER, {"body": body, "step": step})
    assert answer.status_code == 422
    assert error_beside(answer.text, "body")
    assert SCRIPT not in answer.text
    assert form(answer.text, REMINDER)["body"] == [body.strip()]
    assert (await admin.get("templates/sms_reminder"))["own"] is False


async def test_script_in_the_words_is_text(owner: Desk) -> None:
    assert (await submit(owner, REMINDER, {"body": f"{SCRIPT} {{when}}"})).status_code == 303
    page = await owner.get(REMINDER)
    assert SCRIPT not in page.text
    assert SCRIPT in words(page.text)


async def test_stale_words_are_shown_beside_the_others(owner: Desk, admin: Client) -> None:
    opened = form((await owner.get(REMINDER)).text, REMINDER)
    await admin.send("PUT", "templates/sms_reminder", {"body": "{clinic}: theirs. {link}"})
    answer = await owner.post(REMINDER, opened | {"body": OWN})
    assert answer.status_code == 409
    assert "{clinic}: theirs. {link}" in words(answer.text)
    assert (await admin.get("templates/sms_reminder"))["body"] == "{clinic}: theirs. {link}"
    assert (await owner.post(REMINDER, form(answer.text, REMINDER))).status_code == 303
    assert (await admin.get("templates/sms_reminder"))["body"] == OWN


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 30])
async def test_words_without_a_version_are_refused(owner: Desk, version: str) -> None:
    answer = await submit(owner, REMINDER, {"body": OWN, "version": version})
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["sms_nothing/en", "sms_reminder/fr", "x/y"])
async def test_there_are_no_other_words(owner: Desk, path: str) -> None:
    assert (await owner.get(f"{MESSAGES}/{path}")).status_code == 404
    assert (await owner.post(f"{MESSAGES}/{path}", {"version": "0"})).status_code == 404


async def test_a_number_is_looked_up_and_opted_out(voice: Api) -> None:
    desk = await sign_in(voice, "staff")
    find, save = f"{MESSAGES}/consents/find", f"{MESSAGES}/consents"
    answer = await submit(desk, MESSAGES, {"phone": "07700 900123"}, action=find)
    assert "has said nothing about it" in words(answer.text)
    sent = {"phone": "+447700900123", "kind": "opt_out"}
    assert (await desk.post(save, sent)).status_code == 303
    answer = await desk.post(find, {"phone": "07700 900123"})
    assert "+44 7700 900123 wants none, as staff wrote down" in words(answer.text)
    rows = await voice.rows("SELECT phone, kind, source FROM consents")
    assert rows == [{"phone": "+447700900123", "kind": "opt_out", "source": "staff"}]
    assert "7700" not in str(await voice.rows("SELECT * FROM audit_log"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("consents/find", {"phone": "12"}),
        ("consents/find", {"phone": SCRIPT}),
        ("consents", {"phone": "12", "kind": "opt_out"}),
        ("consents", {"phone": "+447700900123", "kind": "maybe"}),
    ],
)
async def test_a_wrong_number_is_said_beside_it(
    voice: Api, owner: Desk, path: str, said: dict[str, str]
) -> None:
    answer = await owner.post(f"{MESSAGES}/{path}", said)
    assert answer.status_code == 422
    assert error_beside(answer.text, "phone")
    assert SCRIPT not in answer.text
    assert await voice.value("SELECT count(*) FROM consents") == 0


async def test_who_may_change_what(voice: Api) -> None:
    reader, staff = await sign_in(voice, "read_only"), await sign_in(voice, "staff")
    for path in ("account", "account/remove", "sms_reminder/en"):
        for desk in (reader, staff):
            assert (await desk.post(f"{MESSAGES}/{path}", {"version": "0"})).status_code == 403
    for path in ("consents", "consents/find"):
        assert (await reader.post(f"{MESSAGES}/{path}")).status_code == 403
    other = await voice.open_clinic()
    for path in ("account", "consents", "sms_reminder/en"):
        assert (await staff.post(f"{MESSAGES}/{path}", clinic=other)).status_code == 404


async def test_what_the_deployment_says_of_email(owner: Desk) -> None:
    assert "This deployment sends none" in words((await owner.get(MESSAGES)).text)

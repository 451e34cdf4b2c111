"""`/v1`: the account, the words and the conversations of text messages."""

import pytest

from tests.integration.clinics import Api
from tests.integration.v1_requests import MAYA, Client, client, ok, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT = {"account_sid": "AC1", "token": "very-secret", "number": "020 7946 0000"}


async def put(caller: Client, path: str, body: object) -> dict[str, object]:
    return ok(await caller.send("PUT", path, body))


async def test_the_account_and_where_its_number_calls(voice: Api) -> None:
    caller = await client(voice)
    assert await caller.refused("GET", "sms-account") == (404, "NOT_FOUND")

    shown = await put(caller, "sms-account", ACCOUNT)

    assert (shown["number"], shown["version"]) == ("+442079460000", 1)
    path = f"/callbacks/twilio/{caller.clinic.id}/message"
    assert shown["message_url"] == f"http://clinic.test{path}"
    assert "secret" not in str(shown)
    assert await caller.get("sms-account") == shown
    stored = await voice.value("SELECT encrypted_token FROM sms_accounts")
    assert voice.fernet.decrypt(stored) == b"very-secret"
    for _ in range(2):
        assert (await caller.send("DELETE", "sms-account")).status_code == 204
    assert await caller.refused("GET", "sms-account") == (404, "NOT_FOUND")


async def test_an_account_that_makes_no_sense(voice: Api) -> None:
    caller = await client(voice)
    for changes, code in (
        ({"number": "nonsense"}, "INVALID_PHONE"),
        ({"account_sid": "../x"}, "INVALID_ARGUMENTS"),
        ({"token": ""}, "INVALID_ARGUMENTS"),
        ({"extra": 1}, "INVALID_ARGUMENTS"),
    ):
        refused = await caller.refused("PUT", "sms-account", {**ACCOUNT, **changes})
        assert refused == (422, code), changes


async def test_the_words_of_a_message(voice: Api) -> None:
    caller = await client(voice)
    before = await caller.get("templates/sms_reminder")
    assert (before["own"], before["version"], before["language"]) == (False, 0, "en")
    assert "{when}" in before["body"]

    own = await put(caller, "templates/sms_reminder", {"body": "Soon: {when}", "version": 0})

    assert (own["own"], own["version"], own["body"]) == (True, 1, "Soon: {when}")
    stale = {"body": "x", "version": 0}
    assert await caller.refused("PUT", "templates/sms_reminder", stale) == (409, "STALE_VERSION")
    german = await caller.get("templates/sms_reminder", language="de")
    assert (german["own"], german["body"][:30]) == (False, "{clinic}: Wir erinnern an Ihre")
    assert await put(caller, "templates/sms_reminder", {"body": None}) == before


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("Hello {name}", "body: {name}"),
        ("x" * 1000, "body"),
        ("Reply STOP to opt out", "body: STOP"),
        ("Reply cancel to cancel", "body: cancel"),
    ],
)
async def test_words_that_would_do_harm(voice: Api, body: str, where: str) -> None:
    caller = await client(voice)
    for method, path in (("PUT", "sms_change"), ("POST", "sms_change/preview")):
        problem = refusal(await caller.send(method, f"templates/{path}", {"body": body}))
        assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
        assert problem["where"] == where
    assert await voice.value("SELECT count(*) FROM message_templates") == 0


async def test_there_is_no_such_message(voice: Api) -> None:
    caller = await client(voice)
    assert await caller.refused("GET", "templates/email_change") == (404, "NOT_FOUND")
    assert await caller.refused("PUT", "templates/x", {"body": "x"}) == (404, "NOT_FOUND")
    assert await caller.refused("POST", "templates/x/preview", {}) == (404, "NOT_FOUND")


async def test_a_preview(voice: Api) -> None:
    caller = await client(voice, "staff")
    path = "templates/sms_change/preview"
    body = {"body": "{clinic}: sábado. {link}"}

    shown = ok(await caller.send("POST", path, body, language="es"))

    assert shown["text"].startswith("Harbor Dental: sábado. https://")
    assert (shown["encoding"], shown["segments"], shown["forced_by"]) == ("UCS-2", 1, ["á"])
    plain = await caller.post(path, {})
    assert (plain["encoding"], plain["segments"]) == ("GSM-7", 2)


async def test_the_conversation_with_a_number(voice: Api) -> None:
    caller = await client(voice)
    await put(caller, "sms-account", ACCOUNT)
    for number, body in ((MAYA["phone"], "hello"), ("+442079460111", "C")):
        await voice.pool.fetch_value(
            "SELECT take_text($1, $2, '+442079460000', $3, $4, 'unknown')",
            caller.clinic.id,
            f"SM{body}",
            number,
            body,
        )

    items = (await caller.get("texts", phone="07700 900123"))["items"]

    said = sorted((item["direction"], item["body"], item["kind"]) for item in items)
    assert said == [("in", "hello", None), ("out", "", "sms_reply")]
    first = await caller.get("texts", limit=3)
    rest = await caller.get("texts", limit=3, cursor=first["next_cursor"])
    assert (len(first["items"]), len(rest["items"])) == (3, 1)
    other = await client(voice, clinic=await voice.open_clinic(name="There"))
    assert (await other.get("texts"))["items"] == []


async def test_what_staff_heard_of_who_wants_none(voice: Api) -> None:
    caller = await client(voice, "staff")

    done = await put(caller, "consents", {"phone": "07700 900123", "kind": "opt_out"})

    assert done == {"phone": MAYA["phone"], "kind": "opt_out"}
    [row] = await voice.rows("SELECT * FROM consents")
    assert (row["phone"], row["source"]) == (MAYA["phone"], "staff")
    wrong = {"phone": "x", "kind": "opt_out"}
    assert await caller.refused("PUT", "consents", wrong) == (422, "INVALID_PHONE")

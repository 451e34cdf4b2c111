"""The fake is as strict as Google, and its gate sees what doesn't fit."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import httpx2
import pytest

from tests.database import HOUR, START
from tests.fakes.google_calendar import CALENDAR_PATH, Exchanged, FakeGoogle, fake_google
from tests.fakes.google_discovery import contract_breaks
from tests.integration.google_clinic import Json, timed

EVENTS = "/calendars/primary/events"


class Account:
    """Somebody with an access token."""

    def __init__(self, fake: FakeGoogle, http: httpx2.AsyncClient) -> None:
        self.fake = fake
        self.http = http
        self.token = fake.grant()["access_token"]

    async def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        params: Mapping[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, Json]:
        signed = {"authorization": f"Bearer {self.token}", **headers}
        url = f"{self.fake.url}{CALENDAR_PATH}{path}"
        answer = await self.http.request(method, url, json=body, params=params, headers=signed)
        return answer.status_code, answer.json() if answer.content else {}


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with fake_google() as fake, httpx2.AsyncClient() as http:
        yield Account(fake, http)
        assert [broken for each in fake.exchanges for broken in contract_breaks(each)] == []


def reason(answer: tuple[int, Json]) -> tuple[int, str]:
    status, body = answer
    return status, body["error"]["errors"][0]["reason"]


async def test_ids_are_the_clients_and_never_come_back(account: Account) -> None:
    event = timed(START, START + HOUR, id="0123456789abcdef")
    one = f"{EVENTS}/{event['id']}"
    bad = {**event, "id": "UPPER-CASE"}
    assert reason(await account.ask("POST", EVENTS, bad)) == (400, "invalid")
    assert (await account.ask("POST", EVENTS, event))[0] == 200
    assert reason(await account.ask("POST", EVENTS, event)) == (409, "duplicate")
    assert (await account.ask("DELETE", one))[0] == 204
    assert reason(await account.ask("DELETE", one)) == (410, "deleted")
    assert reason(await account.ask("POST", EVENTS, event)) == (409, "duplicate")
    status, gone = await account.ask("GET", one)
    assert (status, gone["status"]) == (200, "cancelled")
    back = {"status": "confirmed"}
    status, again = await account.ask("PATCH", one, back, **{"if-match": gone["etag"]})
    assert (status, again["status"]) == (200, "confirmed")
    stale = await account.ask("PATCH", one, back, **{"if-match": gone["etag"]})
    assert reason(stale) == (412, "conditionNotMet")
    assert reason(await account.ask("GET", f"{EVENTS}/unknown")) == (404, "notFound")


async def test_sync_tokens(account: Account) -> None:
    for n in range(251):
        account.fake.calendar().insert(timed(START, START + HOUR, id=f"event{n:04}"))
    _, first = await account.ask("GET", EVENTS)
    assert (len(first["items"]), "nextSyncToken" in first) == (250, False)
    _, last = await account.ask("GET", EVENTS, params={"pageToken": first["nextPageToken"]})
    assert (len(last["items"]), "nextPageToken" in last) == (1, False)
    token = {"syncToken": last["nextSyncToken"]}
    account.fake.calendar().delete("event0000", None)
    _, delta = await account.ask("GET", EVENTS, params=token)
    (tombstone,) = delta["items"]
    assert (tombstone["id"], tombstone["status"]) == ("event0000", "cancelled")
    assert "start" not in tombstone
    filtered = {**token, "timeMin": "2026-01-01T00:00:00Z"}
    assert (await account.ask("GET", EVENTS, params=filtered))[0] == 400
    account.fake.calendar().forget_tokens()
    assert reason(await account.ask("GET", EVENTS, params=token)) == (410, "fullSyncRequired")


async def test_tokens_lapse(account: Account) -> None:
    account.fake.clock_ahead = timedelta(hours=1)
    assert reason(await account.ask("GET", EVENTS)) == (401, "authError")


async def test_free_busy(account: Account) -> None:
    account.fake.calendar().insert(timed(START, START + HOUR))
    asked = {
        "timeMin": START.isoformat(),
        "timeMax": (START + HOUR).isoformat(),
        "items": [{"id": "primary"}, {"id": "nobody"}],
    }
    _, answer = await account.ask("POST", "/freeBusy", asked)
    assert len(answer["calendars"]["primary"]["busy"]) == 1
    assert answer["calendars"]["nobody"]["errors"][0]["reason"] == "notFound"


async def test_channels_need_https(account: Account) -> None:
    body = {"id": "c1", "type": "web_hook", "address": "http://clinic.test/"}
    refused = await account.ask("POST", f"{EVENTS}/watch", body)
    assert reason(refused) == (400, "push.webhookUrlNotHttps")


@pytest.mark.parametrize(
    ("exchanged", "broken"),
    [
        (Exchanged("GET", EVENTS, {"colour": "1"}, None, 200, {}), "unknown parameter colour"),
        (
            Exchanged("POST", EVENTS, {}, {"titel": "x"}, 200, {}),
            "request.titel is unknown",
        ),
        (
            Exchanged("POST", EVENTS, {}, {"start": {"dateTime": 5}}, 200, {}),
            "request.start.dateTime is no string",
        ),
        (
            Exchanged("GET", f"{EVENTS}/e", {}, None, 200, {"etag": None}),
            "response.etag is no string",
        ),
        (Exchanged("DELETE", f"{EVENTS}/e", {}, {}, 204, None), "a body where none belongs"),
    ],
)
def test_the_gate_sees_what_doesnt_fit(exchanged: Exchanged, broken: str) -> None:
    (found,) = contract_breaks(exchanged)
    assert found.endswith(broken)


def test_the_gate_knows_no_other_paths() -> None:
    assert contract_breaks(Exchanged("GET", "/nowhere", {}, None, 200, {}))

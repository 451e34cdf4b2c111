"""How often a credential, a link, a guessing network may ask; and that others aren't touched."""

import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.requests import Request

from tests.integration.clinics import RPC_URL, Api, running_api, settings_for
from tests.integration.front_desk import sign_in
from tests.integration.mcp_agents import agent
from tests.integration.mcp_agents import use as use_by_mcp
from tests.integration.patient_page import link_to
from tests.integration.staff_accounts import make_account, make_link
from tests.integration.tool_calls import use
from tests.integration.v1_requests import client
from tests.security.routes import ASKED_BY_SECRET, SOMETHING, some_path
from voxanne.app import create_app
from voxanne.inbound import rates
from voxanne.inbound.rates import RequestRate, network_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOME = 3
PAIN = "I have a crushing pain in my chest and I can't breathe"


@contextlib.asynccontextmanager
async def limited(voice: Api, network: str = "198.51.100.7", **settings: int) -> AsyncIterator[Api]:
    """The same API with these limits, nothing counted yet, asked from that network."""
    chosen = settings_for(voice.database.owner_url, **settings)
    app = create_app(chosen, voice.pool, voice.fernet)
    async with from_network(app, network) as http:
        yield replace(voice, http=http)


def from_network(app: Any, network: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=(network, 4_711))
    return httpx2.AsyncClient(transport=transport, base_url="http://clinic.test", timeout=30)


def app_of(api: Api) -> Any:
    transport = api.http._transport
    assert isinstance(transport, httpx2.ASGITransport)
    return transport.app


def assert_too_many(answer: httpx2.Response, seconds_max: int = 60) -> None:
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= seconds_max


# The counter


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("most", [1, 3, 7, 60, 6_000])
async def test_so_many_at_once_and_then_one_by_one(most: int) -> None:
    clock = Clock()
    rate = RequestRate(most, clock)
    assert [rate.take("key") for _ in range(most)] == [0] * most
    wait = rate.take("key")
    assert 1 <= wait <= 60
    assert rate.take("another") == 0
    clock.now += 60 / most
    assert rate.take("key") == 0
    assert rate.take("key") > 0
    clock.now += 60
    assert [rate.take("key") for _ in range(most + 1)].count(0) == most


async def test_whoever_waits_as_told_is_served() -> None:
    clock = Clock()
    rate = RequestRate(7, clock)
    for _ in range(50):
        clock.now += rate.wait_seconds("key")
        assert rate.take("key") == 0


async def test_zero_is_no_limit_and_keeps_nothing() -> None:
    rate = RequestRate(0)
    assert not any(rate.take(n) for n in range(1_000))
    assert not rate._worked_off_at


async def test_the_counters_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the limit, and however many ask."""
    monkeypatch.setattr(rates, "ASKERS_MAX", 500)
    rate = RequestRate(1_000_000)
    tracemalloc.start()
    try:
        for number in range(5_000):
            rate.take(("asker", number))
        assert len(rate._worked_off_at) == 500
        assert tracemalloc.get_traced_memory()[0] < 400_000
    finally:
        tracemalloc.stop()
    assert ("asker", 4_999) in rate._worked_off_at


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
async def test_a_network_is_an_ipv4_address_or_an_ipv6_prefix(host: str, network: str) -> None:
    assert network_of(Request({"type": "http", "client": (host, 1)})) == network


# Credentials


async def test_a_key_over_its_limit_is_told_when_to_come_back(voice: Api) -> None:
    reader, other = await client(voice, "staff"), await voice.new_key(voice.clinic, "staff")
    async with limited(voice, requests_per_credential_per_minute=SOME) as api:
        ask = [await api.http.get("/v1/services", headers=reader.clinic.bearer) for _ in range(4)]
        assert [answer.status_code for answer in ask] == [200] * SOME + [429]
        assert_too_many(ask[-1])
        assert ask[-1].headers["content-type"] == "application/problem+json"
        assert ask[-1].json()["code"] == "RATE_LIMITED"
        # One credential, whatever it asks of: the RPC says it as PostgREST would.
        refused = await api.post(RPC_URL, {}, reader.clinic.bearer)
        assert_too_many(refused)
        assert refused.json()["code"] == "RATE_LIMITED"
        assert (await api.http.get("/v1/services", headers=other.bearer)).status_code == 200


async def test_a_key_is_one_in_whichever_header_it_comes(voice: Api) -> None:
    async with limited(voice, requests_per_credential_per_minute=1) as api:
        key = voice.clinic.key
        first = await api.http.get("/v1/services", headers={"apikey": key})
        assert first.status_code == 200
        for headers in ({"Authorization": f"bearer  {key}"}, {"APIKEY": key}):
            assert_too_many(await api.http.get("/v1/services", headers=headers))


async def test_who_has_no_key_uses_up_nobodys(voice: Api) -> None:
    async with limited(voice, requests_per_credential_per_minute=1) as api:
        for _ in range(5):
            wrong = {"Authorization": "Bearer vox_wrong"}
            assert (await api.http.get("/v1/services", headers=wrong)).status_code == 401
        assert (await api.http.get("/v1/services", headers=voice.clinic.bearer)).is_success


async def test_a_voice_platform_is_told_with_a_sentence(voice: Api) -> None:
    other = await voice.open_clinic()
    async with limited(voice, voice_requests_per_clinic_per_minute=SOME) as api:
        answers = [await use(api, "getClinicInfo", caller=f"+44770090012{n}") for n in range(4)]
        assert [answer.get("error") for answer in answers] == [None] * SOME + ["RATE_LIMITED"]
        assert answers[-1]["message"].strip()
        assert (await use(api, "getClinicInfo", headers=other.bearer))["success"]
        # Whose life may hang on it is answered all the same.
        assert (await use(api, "transferCall", {"reason": PAIN}))["error"] == "EMERGENCY"


async def test_reports_over_the_limit_are_not_kept_and_are_counted(voice: Api) -> None:
    async with limited(voice, voice_requests_per_clinic_per_minute=1) as api:
        for _ in range(3):
            report = {"message": {"type": "hang", "call": {"id": "a-call"}}}
            assert (await api.post("/api/vapi", report)).status_code == 200
        assert await api.value("SELECT count(*) FROM voice_messages") == 1
        lost = "voxanne_voice_messages_lost_total 2.0"
        assert lost in (await api.http.get("/metrics")).text


async def test_by_default_a_clinics_voice_platform_has_no_limit() -> None:
    settings = settings_for("postgresql://nobody@127.0.0.1:1/nothing")
    assert settings.voice_requests_per_clinic_per_minute == 0
    assert settings.calls_per_caller_per_minute == 30


async def test_mcp_has_the_credentials_limit(voice: Api) -> None:
    async with (
        running_api(
            voice.database, on_socket=True, requests_per_credential_per_minute=SOME
        ) as served,
        agent(served) as speaker,
    ):
        answers = [await use_by_mcp(speaker, "getClinicInfo", topic="now") for _ in range(SOME + 1)]
        assert [answer.get("error") for answer in answers] == [None] * SOME + ["RATE_LIMITED"]
        urgent = await use_by_mcp(speaker, "transferCall", reason=PAIN)
        assert urgent["error"] == "EMERGENCY"


# Links


async def test_a_link_and_a_feed_have_their_own_limit(voice: Api) -> None:
    staff = await client(voice, "staff")
    booked = await staff.book()
    patients = await link_to(voice, booked["id"])
    practitioner = await voice.value("SELECT id FROM practitioners LIMIT 1")
    opened = await staff.post(f"practitioners/{practitioner}/feed")
    paths = [httpx2.URL(patients).path, httpx2.URL(opened["url"]).path]
    async with limited(voice, requests_per_link_per_minute=SOME) as api:
        for path in paths:
            answers = [await api.http.get(path) for _ in range(SOME + 1)]
            assert [answer.status_code for answer in answers] == [200] * SOME + [429]
            assert_too_many(answers[-1])
            assert str(voice.clinic.id) not in answers[-1].text
        # Another network is over the limit too: it is the link's.
        async with from_network(app_of(api), "203.0.113.9") as http:
            assert_too_many(await http.get(paths[0]))


# Guessing


def guesses() -> list[tuple[str, str]]:
    return [route for route in ASKED_BY_SECRET if not route[1].startswith("/join")]


@pytest.mark.parametrize("route", guesses(), ids=" ".join)
async def test_who_guesses_must_wait(voice: Api, route: tuple[str, str]) -> None:
    """Every route whose only credential is in its address, or is a vendor's."""
    method, pattern = route
    async with limited(voice, guesses_per_network_per_minute=SOME) as api:
        path = some_path(pattern)
        answers = [await api.http.request(method, path, content=b"") for _ in range(SOME + 1)]
        assert {answer.status_code for answer in answers[:SOME]} <= {400, 403, 404}
        assert_too_many(answers[-1])
        async with from_network(app_of(api), "203.0.113.9") as http:
            elsewhere = await http.request(method, path, content=b"")
            assert elsewhere.status_code == answers[0].status_code


async def test_an_invitation_can_not_be_guessed_either(voice: Api) -> None:
    desk = await sign_in(voice, "owner")
    async with limited(voice, guesses_per_network_per_minute=SOME) as api:
        answers = [
            await api.http.get(f"/join/{uuid4()}", headers=desk.cookies) for _ in range(SOME + 1)
        ]
        assert [answer.status_code for answer in answers] == [404] * SOME + [429]


async def test_a_right_link_does_not_count_as_a_guess_and_waits_with_the_others(
    voice: Api,
) -> None:
    link = await make_link(voice, await make_account(voice))
    async with limited(voice, guesses_per_network_per_minute=SOME) as api:
        for _ in range(10):
            assert (await api.http.get(f"/sign-in/{link}")).status_code == 200
        for number in range(SOME):
            await api.http.get(f"/a/{number:016}")
        # Found out or not, the guesser learns nothing from the answer.
        assert_too_many(await api.http.get(f"/sign-in/{link}"))


async def test_one_clinics_wrong_signatures_do_not_silence_another(voice: Api) -> None:
    """All clinics' callbacks come from a vendor's same few addresses."""
    async with limited(voice, guesses_per_network_per_minute=SOME) as api:
        path = "/callbacks/twilio/{}/status"
        for _ in range(SOME + 1):
            last = await api.http.post(path.format(voice.clinic.id))
        assert_too_many(last)
        assert (await api.http.post(path.format(uuid4()))).status_code == 403


@pytest.mark.parametrize("path", ["/callbacks/twilio/{}/status", "/callbacks/google/calendar/{}"])
async def test_another_spelling_of_an_id_is_no_other_guess(voice: Api, path: str) -> None:
    async with limited(voice, guesses_per_network_per_minute=SOME) as api:
        spelled = [str(SOMETHING), SOMETHING.hex, str(SOMETHING).upper(), f"{{{SOMETHING}}}"]
        answers = [await api.http.post(path.format(each)) for each in spelled]
        assert [answer.status_code == 429 for answer in answers] == [False] * SOME + [True]


async def test_a_flood_of_guesses_costs_no_query(
    voice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limited(voice, guesses_per_network_per_minute=1) as api:
        await api.http.get("/a/0000000000000000")
        asked: list[object] = []

        async def fetch(*arguments: object) -> object:
            asked.append(arguments)
            return None

        monkeypatch.setattr(type(voice.pool), "fetch_value", fetch)
        for path in ("/a/0000000000000001", "/calendar/x.ics"):
            assert_too_many(await api.http.get(path))
        assert not asked

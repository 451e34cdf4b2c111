"""The MCP server, spoken to by the official client through a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
import structlog
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from tests.acceptance.commands import Running
from tests.database import Server
from tests.integration.clinics import (
    THURSDAY_AT_TEN,
    Api,
    Json,
    connected_app,
    hold_lock,
    in_process,
    running_api,
    settings_for,
    wish,
)
from tests.integration.mcp_agents import (
    IN_A_CALL,
    JSON_HEADERS,
    SECRET_FOR_ALL,
    URL,
    agent,
    calling,
    message,
    post,
    reachable_api,
    said,
    use,
    with_one_clinic,
)
from tests.integration.test_voice_credentials import signed
from tests.unit.vapi_bodies import CALLER, DIALLED
from voxanne.inbound.voice.schemas import TOOL_NAMES, TOOL_SCHEMAS
from voxanne.postgres import organizations

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_CALLER = "+447700900555"
HMAC_KEY = b"a-clinics-own-hmac-key-1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files_api(server: Server) -> AsyncIterator[Api]:
    async with reachable_api(server) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def served(files_api: Api) -> Api:
    return await with_one_clinic(files_api)


async def test_the_tools_are_listed_with_their_schemas(served: Api) -> None:
    async with agent(served) as client:
        listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == [schema.name for schema in TOOL_SCHEMAS]
    for tool, schema in zip(listed, TOOL_SCHEMAS, strict=True):
        assert tool.description == schema.description
        assert tool.input_schema == schema.parameters
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is schema.reads_only


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_every_way_to_connect_books(served: Api, mode: str) -> None:
    async with agent(served, mode=mode) as client:
        assert len((await client.list_tools()).tools) == len(TOOL_NAMES)
        booked = await use(client, "bookClinicAppointment", **wish())
    assert booked["success"]
    assert (await served.counts())["appointments"] == 1


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, "1999-01-01"])
async def test_an_older_client_is_met_and_an_unknown_one_is_offered_the_latest(
    served: Api, version: str
) -> None:
    client = {"name": "test", "version": "1"}
    reply = await post(
        served,
        message("initialize", protocolVersion=version, capabilities={}, clientInfo=client),
    )
    assert reply.status_code == 200
    assert "mcp-session-id" not in reply.headers, "stateless"
    known = version in HANDSHAKE_PROTOCOL_VERSIONS
    agreed = version if known else LATEST_HANDSHAKE_VERSION
    result = reply.json()["result"]
    assert result["protocolVersion"] == agreed
    assert "weekday" in result["instructions"]
    # No handshake is needed, as Vapi's tool calls show, each on a connection of its own.
    headers = {"MCP-Protocol-Version": agreed}
    reply = await post(served, calling("bookClinicAppointment", wish()), headers)
    assert reply.json()["result"]["structuredContent"]["success"]


async def test_a_whole_call_uses_every_tool(served: Api) -> None:
    async with agent(served) as client:
        assert "9 am" in (await use(client, "getClinicInfo", topic="hours"))["message"]
        free = await use(client, "checkAvailability", date="2026-11-26")
        assert len(free["slots"]) == 6
        slot = free["slots"][0]
        held = await use(client, "holdSlot", scheduledAt=slot["startsAt"])
        booked = await use(
            client,
            "bookClinicAppointment",
            name="Maya Okafor",
            scheduledAt=slot["startsAt"],
            holdId=held["holdId"],
        )
        assert booked["scheduledAt"] == slot["startsAt"]
        known = await use(client, "lookupCaller")
        assert known["people"][0]["upcoming"][0]["appointmentId"] == booked["appointmentId"]
        moved = await use(client, "rescheduleAppointment", scheduledAt="2026-11-27T15:00")
        assert moved["previous"]["scheduledAt"] == slot["startsAt"]
        gone = await use(client, "cancelAppointment", appointmentId=booked["appointmentId"])
        assert gone["success"]
        assert (await use(client, "joinWaitlist", name="Maya Okafor"))["position"] == 1
        assert (await use(client, "takeMessage", message="Please call back."))["messageId"]
        transfer = await use(client, "transferCall", reason="billing")
        assert not transfer.get("destination"), "no number to put anybody through to"
    assert await served.value("SELECT array_agg(DISTINCT source) FROM appointments") == ["mcp"]


async def test_a_refusal_is_no_error_and_an_unknown_tool_is(served: Api) -> None:
    async with agent(served) as client:
        refused = await client.call_tool("bookClinicAppointment", wish(scheduledAt="yesterday"))
        unknown = await client.call_tool("deleteEverything", {})
    assert not refused.is_error
    assert said(refused)["success"] is False
    assert unknown.is_error
    assert said(unknown)["error"] == "UNKNOWN_TOOL"


async def test_without_a_good_credential_nothing_is_told(served: Api) -> None:
    other = await served.new_key(served.clinic, "read_only")
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer vox_nobodys"},
        {"Authorization": "Basic abc"},
        {"Authorization": "", "X-Vapi-Secret": "nobodys"},
        {**served.clinic.bearer, "X-Vapi-Secret": "nobodys"},
        other.bearer,
    ):
        for body in (message("tools/list"), calling("bookClinicAppointment", wish()), "{"):
            reply = await post(served, body, headers)
            assert reply.status_code == 401, headers
            assert reply.headers["www-authenticate"] == "Bearer"
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.json()["code"] == "UNAUTHORIZED"
    counts = await served.counts()
    assert counts["leads"] == counts["appointments"] == 0


async def test_a_clinics_own_secret_speaks_for_it(served: Api) -> None:
    secret = "a-clinics-own-secret-1"
    connection = await served.database.owner()
    await organizations.set_vapi_secret(connection, served.clinic.id, secret)
    async with agent(served, {"X-Vapi-Secret": secret, **IN_A_CALL}) as client:
        await use(client, "bookClinicAppointment", **wish())
    assert await served.value("SELECT org_id FROM appointments") == served.clinic.id


async def test_a_signature_over_the_body_speaks_for_the_clinic_it_names(served: Api) -> None:
    encrypted = served.fernet.encrypt(HMAC_KEY)
    connection = await served.database.owner()
    await organizations.set_hmac_key(
        connection, served.clinic.id, encrypted_key=encrypted, scheme={}
    )
    body = json.dumps(calling("bookClinicAppointment", wish())).encode()
    named = {**JSON_HEADERS, **IN_A_CALL, "X-Org-Id": str(served.clinic.id)}
    for key, status in ((HMAC_KEY, 200), (b"another-key-of-a-good-length", 401)):
        headers = {**named, **signed(body, key)}
        assert (await served.http.post(URL, content=body, headers=headers)).status_code == status
    assert await served.value("SELECT org_id FROM appointments") == served.clinic.id


async def test_with_the_deployments_secret_the_dialled_number_names_the_clinic(
    served: Api,
) -> None:
    other = await served.open_clinic()
    headers = {"X-Vapi-Secret": SECRET_FOR_ALL, **IN_A_CALL}
    async with agent(served, headers) as client:
        assert len((await client.list_tools()).tools) == len(TOOL_NAMES)
        nowhere = await client.call_tool("bookClinicAppointment", wish())
    assert nowhere.is_error
    assert said(nowhere)["error"] == "INVALID_ORGANIZATION"
    await served.add_line(other, number=DIALLED)
    async with agent(served, headers) as client:
        await use(client, "bookClinicAppointment", **wish())
    assert await served.value("SELECT org_id FROM appointments") == other.id


async def test_another_tenants_header_is_refused_and_its_own_agrees(served: Api) -> None:
    other = await served.open_clinic()
    async with agent(served, X_Org_Id=str(other.id)) as client:
        for tool in sorted(TOOL_NAMES):
            assert (await use(client, tool, **wish()))["error"] == "FORBIDDEN_ORGANIZATION"
    assert (await served.counts())["appointments"] == 0
    async with agent(served, X_Org_Id=str(served.clinic.id)) as client:
        assert (await use(client, "bookClinicAppointment", **wish()))["success"]


@pytest.mark.parametrize("caller", [None, "anonymous", "{{customer.number}}", "sip:a@b.test"])
async def test_without_a_caller_booking_needs_a_number_and_nothing_is_looked_up(
    served: Api, caller: str | None
) -> None:
    async with agent(served) as client:
        booked = await use(client, "bookClinicAppointment", **wish())
    headers = {**served.clinic.bearer, "X-Call-Id": "call-2"}
    headers |= {} if caller is None else {"X-Caller": caller}
    async with agent(served, headers) as client:
        found = await use(client, "lookupCaller", name="Maya Okafor")
        assert "Okafor" not in json.dumps(found)
        assert booked["appointmentId"] not in json.dumps(found)
        for tool in ("cancelAppointment", "rescheduleAppointment"):
            refused = await use(client, tool, scheduledAt="2026-11-27T15:00")
            assert refused["error"] == "NOT_FOUND"
        later = "2026-11-26T14:00"
        refused = await use(client, "bookClinicAppointment", **wish(scheduledAt=later))
        assert refused["error"] == "INVALID_PHONE"
        wished = wish(scheduledAt=later, phone="020 7946 0958")
        assert (await use(client, "bookClinicAppointment", **wished))["success"]
    phones = await served.rows("SELECT phone FROM leads ORDER BY created_at")
    assert [row["phone"] for row in phones] == [CALLER, "+442079460958"]


async def test_nobody_touches_what_is_booked_from_another_number(served: Api) -> None:
    async with agent(served) as client:
        booked = await use(client, "bookClinicAppointment", **wish())
    async with agent(served, X_Caller=OTHER_CALLER) as client:
        refused = await use(client, "cancelAppointment", appointmentId=booked["appointmentId"])
        assert refused["error"] == "NOT_YOURS"
        assert not (await use(client, "lookupCaller"))["people"]


async def test_a_booking_made_twice_is_one_though_ids_begin_anew(served: Api) -> None:
    """Both requests carry the id 1 and the same call; so does a third, for another time."""
    replies = [
        await post(served, calling("bookClinicAppointment", arguments))
        for arguments in (wish(), wish(), wish(scheduledAt="2026-11-26T14:00"))
    ]
    first, second, third = (reply.json()["result"]["structuredContent"] for reply in replies)
    assert not first["replayed"]
    assert second["replayed"]
    assert second["appointmentId"] == first["appointmentId"]
    assert third["success"]
    assert third["appointmentId"] != first["appointmentId"]


async def test_of_many_at_once_one_gets_the_slot(served: Api) -> None:
    async def book(number: int) -> Json:
        async with agent(served, X_Caller=f"+4477009001{number:02}") as client:
            return await use(client, "bookClinicAppointment", **wish(name=f"Caller {number}"))

    answers = await asyncio.gather(*(book(number) for number in range(10)))
    assert sorted(answer.get("error", "") for answer in answers) == [
        "",
        *["SLOT_UNAVAILABLE"] * 9,
    ]
    assert all(len(answer["alternatives"]) == 3 for answer in answers if not answer["success"])
    assert (await served.counts())["appointments"] == 1


async def test_one_client_may_ask_several_things_at_once(served: Api) -> None:
    async with agent(served) as client:
        answers = await asyncio.gather(
            *(use(client, "checkAvailability", date="2026-11-26") for _ in range(8)),
            *(use(client, "getClinicInfo", topic="now") for _ in range(8)),
        )
    assert all(answer["success"] for answer in answers)


async def test_any_host_may_be_in_front(served: Api) -> None:
    headers = {"Host": "voice.example.test", "Origin": "https://voice.example.test"}
    assert (await post(served, message("tools/list"), headers)).status_code == 200


async def test_a_database_that_does_not_answer_is_a_sentence(served: Api) -> None:
    """Whether the wait was for the credential or for the booking."""
    for table in ("credentials", "appointments"):
        async with agent(served) as client:
            blocker = await served.database.connect_owner()
            await hold_lock(blocker, table)
            result = await client.call_tool("bookClinicAppointment", wish())
            await blocker.execute("ROLLBACK")
            assert result.is_error
            assert said(result)["error"] == "BUSY"
            booked = await use(client, "bookClinicAppointment", **wish())
            assert booked["success"]


async def test_vapi_and_mcp_share_one_rate_limit(served: Api) -> None:
    limited = running_api(served.database, on_socket=True, calls_per_caller_per_minute=1)
    async with limited as api:
        assert (await api.book())["success"]
        async with agent(api) as client:
            assert (await use(client, "getClinicInfo"))["error"] == "RATE_LIMITED"
        async with agent(api, X_Caller=OTHER_CALLER) as client:
            assert (await use(client, "getClinicInfo"))["success"]


async def test_the_caller_is_spoken_to_in_their_language(served: Api) -> None:
    async with agent(served, X_Language="de-AT") as client:
        assert "Uhr" in (await use(client, "bookClinicAppointment", **wish()))["message"]


async def test_calls_are_counted_and_logged_without_a_patient(served: Api) -> None:
    planted = {"name": "Philippa Quellhorst", "email": "philippa@planted.example"}
    with structlog.testing.capture_logs() as logs:
        async with agent(served, X_Caller="+447700900371") as client:
            await use(client, "bookClinicAppointment", **wish(**planted, notes="planted"))
            await use(client, "lookupCaller")
    calls = [line for line in logs if "tool" in line]
    assert [line["tool"] for line in calls] == ["bookClinicAppointment", "lookupCaller"]
    assert {line["route"] for line in logs} == {URL}
    assert {line["org_id"] for line in logs} == {str(served.clinic.id)}
    assert all(isinstance(line["status"], int) for line in logs)
    metrics = (await served.http.get("/metrics")).text
    assert 'voxanne_tool_seconds_count{outcome="SUCCESS",tool="lookupCaller"}' in metrics
    for secret in ("Quellhorst", "planted", "7700900371", served.clinic.key):
        assert secret not in str(logs) + metrics


async def test_without_its_libraries_there_is_no_mcp(
    served: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxanne.app.importlib.util.find_spec", lambda _name: None)
    address = served.database.owner_url
    async with (
        connected_app(settings_for(address), address) as (app, _, _),
        in_process(app) as http,
    ):
        assert (await http.post(URL, json={})).status_code == 404
        assert (await http.get("/healthz")).status_code == 200


async def test_a_server_stops_while_an_agent_is_connected(served: Api, tmp_path: Path) -> None:
    chosen = {"DATABASE_URL": served.database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path)}
    running = Running("serve", "--port", "0", settings=chosen, cwd=tmp_path)
    try:
        address = (await asyncio.to_thread(running.wait_for, r"Serving on (http://\S+)"))[1]
        http = httpx2.AsyncClient(base_url=address)
        async with http, agent(replace(served, http=http)) as client:
            assert (await use(client, "getClinicInfo"))["success"]
            assert await asyncio.to_thread(running.end) == 0
        assert "Traceback" not in running.said
    finally:
        running.kill_if_alive()


async def test_what_the_other_door_holds_this_one_sees(served: Api) -> None:
    """One implementation: what is booked over Vapi's shape is looked up over MCP."""
    booked = await served.book(caller=CALLER)
    async with agent(served) as client:
        known = await use(client, "lookupCaller")
    upcoming = known["people"][0]["upcoming"]
    assert [one["appointmentId"] for one in upcoming] == [booked["appointmentId"]]
    assert upcoming[0]["scheduledAt"].startswith(THURSDAY_AT_TEN[:10])

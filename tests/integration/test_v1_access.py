"""Who may do what in `/v1`: every route with every scope, and the wall between clinics."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.database import claim
from tests.integration.clinics import Api
from tests.integration.v1_requests import (
    ANA,
    HOUR,
    THURSDAY,
    Client,
    Everything,
    booking,
    client,
    clinic_with_everything,
    moment,
    refusal,
)
from voxanne.booking.types import SCOPES
from voxanne.inbound.v1.security import ACCESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENTS = {
    "POST /v1/appointments",
    "PATCH /v1/appointments/{appointment_id}",
    "POST /v1/appointments/{appointment_id}/cancel",
    "GET /v1/availability",
    "POST /v1/holds",
    "DELETE /v1/holds/{hold_id}",
    "POST /v1/waitlist",
    "DELETE /v1/waitlist/{waitlist_id}",
    "POST /v1/waitlist/{waitlist_id}/accept",
    "POST /v1/waitlist/{waitlist_id}/decline",
    "GET /v1/practitioners",
    "GET /v1/services",
    "GET /v1/rooms",
    "GET /v1/hours",
}
CONFIGURING = {
    "PUT /v1/clinic",
    "PATCH /v1/clinic",
    "POST /v1/webhooks",
    "PATCH /v1/webhooks/{webhook_id}",
    "DELETE /v1/webhooks/{webhook_id}",
    "POST /v1/webhooks/{webhook_id}/rotate",
    "POST /v1/webhooks/{webhook_id}/test",
    "POST /v1/webhooks/{webhook_id}/replay",
    "PUT /v1/alert-urls",
    "PUT /v1/sms-account",
    "DELETE /v1/sms-account",
    "PUT /v1/templates/{kind}",
    "PUT /v1/score-weights",
    "POST /v1/calendars/caldav/connect",
    "POST /v1/calendars/google/connect",
    "DELETE /v1/calendars/{calendar_id}",
    "GET /v1/leads/{lead_id}/export",
    "DELETE /v1/leads/{lead_id}",
}
# Every route with an id of another clinic in its path, …
PATHS: list[tuple[str, str, Any]] = [
    ("GET", "appointments/{appointment_id}", None),
    ("PATCH", "appointments/{appointment_id}", {"scheduled_at": moment(THURSDAY + 3 * HOUR)}),
    ("PATCH", "appointments/{appointment_id}", {"duration_minutes": 30}),
    ("GET", "appointments/{appointment_id}/deliveries", None),
    ("POST", "deliveries/{subject_id}/{kind}/retry", None),
    ("POST", "appointments/{appointment_id}/cancel", None),
    ("POST", "appointments/{appointment_id}/complete", None),
    ("POST", "appointments/{appointment_id}/no-show", None),
    ("POST", "appointments/{appointment_id}/confirm", None),
    ("DELETE", "holds/{hold_id}", None),
    ("GET", "leads/{lead_id}", None),
    ("PATCH", "leads/{lead_id}", {"email": None}),
    ("GET", "leads/{lead_id}/export", None),
    ("DELETE", "leads/{lead_id}", None),
    ("DELETE", "waitlist/{waitlist_id}", None),
    ("POST", "waitlist/{waitlist_id}/accept", None),
    ("POST", "waitlist/{waitlist_id}/decline", None),
    ("PATCH", "messages/{message_id}", {"status": "done"}),
    ("POST", "alerts/{alert_id}/seen", None),
    ("GET", "webhooks/{webhook_id}", None),
    ("GET", "webhooks/{webhook_id}/messages", None),
    ("PATCH", "webhooks/{webhook_id}", {"status": "disabled"}),
    ("DELETE", "webhooks/{webhook_id}", None),
    ("POST", "webhooks/{webhook_id}/rotate", None),
    ("POST", "webhooks/{webhook_id}/test", None),
    ("POST", "webhooks/{webhook_id}/replay", {"from_event": "1-1"}),
    ("DELETE", "calendars/{calendar_id}", None),
    ("GET", "templates/{kind}", None),
    ("PUT", "templates/{kind}", {"body": None}),
    ("POST", "templates/{kind}/preview", {"body": None}),
    ("POST", "practitioners/{practitioner_id}/feed", None),
    ("DELETE", "practitioners/{practitioner_id}/feed", None),
]
RANGE = f"from={moment(THURSDAY - HOUR)}&to={moment(THURSDAY + 9 * HOUR)}"
FREE = f"availability?service_type=consultation&{RANGE}"
# … and every field and parameter that takes one. OWN stands for an appointment of one's own.
FIELDS: list[tuple[str, str, Any]] = [
    ("POST", "appointments", booking(hold_id="{hold_id}")),
    ("POST", "appointments", booking(practitioner_id="{practitioner_id}")),
    ("POST", "appointments", booking(room_id="{room_id}")),
    ("PATCH", "appointments/OWN", {"practitioner_id": "{practitioner_id}"}),
    ("PATCH", "appointments/OWN", {"room_id": "{room_id}"}),
    (
        "POST",
        "holds",
        {
            "service_type": "consultation",
            "scheduled_at": moment(THURSDAY),
            "practitioner_id": "{practitioner_id}",
        },
    ),
    (
        "POST",
        "holds",
        {
            "service_type": "consultation",
            "scheduled_at": moment(THURSDAY),
            "room_id": "{room_id}",
        },
    ),
    (
        "POST",
        "waitlist",
        {**ANA, "service_type": "consultation", "practitioner_id": "{practitioner_id}"},
    ),
    ("GET", f"{FREE}&practitioner_id={{practitioner_id}}", None),
    (
        "POST",
        "calendars/caldav/connect",
        {
            "address": "https://cloud.example.com",
            "user": "grey",
            "password": "secret",
            "practitioner_id": "{practitioner_id}",
        },
    ),
]
LISTS = [
    f"appointments?{RANGE}",
    f"appointments?{RANGE}&practitioner_id={{practitioner_id}}",
    "appointments?lead_id={lead_id}",
    "deliveries",
    "leads",
    "leads?phone=07700900123",
    "waitlist",
    "waitlist?lead_id={waiting_lead_id}",
    "messages",
    "alerts",
    "events",
    "webhooks",
    "calendars",
]
NO_CREDENTIALS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer vox_wrong"},
    {"Authorization": "Basic eDp5"},
    {"apikey": "a.b.c"},
]
FUNCTIONS = {
    "find_appointment": "p_appointment_id => $2",
    "list_deliveries": "p_appointment_id => $2",
    "retry_delivery": "p_subject_id => $2, p_kind => 'calendar'",
    "list_appointments": "p_lead_id => $2",
    "list_leads": "p_lead_id => $2",
    "list_waitlist": "p_lead_id => $2",
    "list_messages": "p_after_id => $2",
    "list_alerts": "p_after_id => $2",
    "list_events": "p_after_transaction => '0', p_after_id => length($2::uuid::text)",
    "save_lead": "p_lead_id => $2, p_changes => '{\"email\": null}'",
    "mark_message": "p_message_id => $2, p_status => 'done'",
    "mark_alert_seen": "p_alert_id => $2",
}


@pytest_asyncio.fixture(loop_scope="module")
async def elsewhere(voice: Api) -> Everything:
    return await clinic_with_everything(voice)


def without_ids(path: str) -> str:
    """The pattern's path with an id that never was."""
    path = re.sub(r"{\w+}", str(uuid4()), path.removeprefix("/v1/"))
    # A stream that is let in never ends.
    return path + "?after=nothing" * path.endswith("/stream")


def filled(text: str, ids: dict[str, Any], own: str = "") -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text.replace("OWN", own).replace("{kind}", "calendar")


@pytest.mark.parametrize(("method", "path"), ACCESS, ids=lambda part: part)
async def test_each_scope_may_do_what_it_is_for(voice: Api, method: str, path: str) -> None:
    name = f"{method} {path}"
    may = {"admin"}
    may |= {"staff"} if name not in CONFIGURING else set()
    may |= {"agent"} if name in AGENTS else set()
    may |= {"read_only"} if method == "GET" and name not in CONFIGURING else set()
    for scope in SCOPES:
        caller = await client(voice, scope)
        body: Any = None if method == "GET" else {}
        reply = await caller.send(method, without_ids(path), body)
        assert (reply.status_code == 403) == (scope not in may), (scope, reply.text)
        assert reply.status_code < 500
        if scope not in may:
            assert refusal(reply)["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(("method", "path"), ACCESS, ids=lambda part: part)
async def test_nothing_without_a_good_credential(voice: Api, method: str, path: str) -> None:
    for headers in NO_CREDENTIALS:
        reply = await voice.http.request(method, f"/v1/{without_ids(path)}", headers=headers)
        problem = refusal(reply)
        assert (problem["status"], problem["code"]) == (401, "UNAUTHORIZED")
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_the_wall_is_tried_at_every_path_with_an_id() -> None:
    tried = {(method, f"/v1/{path}") for method, path, _ in PATHS}
    assert tried == {(method, path) for method, path in ACCESS if "{" in path}


@pytest.mark.parametrize(("method", "path", "body"), PATHS + FIELDS)
async def test_another_clinics_id_is_no_id(
    voice: Api, elsewhere: Everything, method: str, path: str, body: Any
) -> None:
    """Word for word what an id gets that never was: not a hint that it exists."""
    caller = await client(voice, "admin")
    own = (await caller.book(THURSDAY + 5 * HOUR, **ANA))["id"]
    nothing = {name: uuid4() for name in elsewhere.ids}
    before = await state(voice, elsewhere)
    told = []
    for ids in (elsewhere.ids, nothing):
        sent = json.loads(filled(json.dumps(body), ids))
        told.append(refusal(await caller.send(method, filled(path, ids, own), sent)))
    assert told[0] == told[1]
    assert told[0]["status"] == 404
    assert await state(voice, elsewhere) == before


async def state(voice: Api, elsewhere: Everything) -> list[Any]:
    """All that the clinic's tables hold."""
    org_id = elsewhere.client.clinic.id
    return [
        await voice.rows(
            f"SELECT row_to_json(held)::text FROM {table} AS held WHERE org_id = $1 ORDER BY id",
            org_id,
        )
        for table in ("appointments", "leads", "waitlist", "messages", "alerts", "events")
    ]


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_shows_nothing_of_another_clinic(
    voice: Api, elsewhere: Everything, path: str
) -> None:
    wanted = filled(path, elsewhere.ids)
    await voice.database.others_are_done()
    assert (await elsewhere.client.get(wanted))["items"]
    assert (await (await client(voice, "admin")).get(wanted))["items"] == []


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_functions_mind_the_claim(
    voice: Api, elsewhere: Everything, function: str
) -> None:
    api = await voice.database.connect_api()
    await claim(api, json.dumps({"org_id": str(voice.clinic.id)}))
    query = f"SELECT {function}($1, {FUNCTIONS[function]})"
    for id_ in elsewhere.ids.values():
        answer = json.loads(await api.fetchval(query, elsewhere.client.clinic.id, id_))
        assert answer["error"] == "FORBIDDEN_ORGANIZATION"


async def test_a_key_for_voice_alone_is_no_credential(voice: Api) -> None:
    caller = await client(voice, "admin")
    await voice.value("UPDATE credentials SET kind = 'vapi_secret'")
    assert await caller.refused("GET", "services") == (401, "UNAUTHORIZED")


async def test_a_clients_key_may_come_in_either_header(voice: Api) -> None:
    caller: Client = await client(voice, "read_only")
    reply = await voice.http.get("/v1/services", headers={"apikey": caller.clinic.key})
    assert reply.status_code == 200

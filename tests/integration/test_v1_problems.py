"""How `/v1` refuses: one shape, nothing of what was sent, nothing of a patient in the log."""

import json
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, hold_lock
from tests.integration.v1_requests import ANA, HOUR, THURSDAY, Client, booking, client, refusal
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import STATUS

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEEP = "[" * 100_000
PLANTED = ("Quellhorst", "7700900371", "planted", "incisor")
BROKEN = """
CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'broken at %', new USING DETAIL = new::text, HINT = new::text;
END $$;
CREATE TRIGGER break_down BEFORE INSERT ON appointments
  FOR EACH ROW EXECUTE FUNCTION break_down();
"""


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


async def post_text(staff: Client, text: str | bytes, kind: str = "application/json") -> Any:
    headers = {**staff.clinic.bearer, "Content-Type": kind}
    return await staff.http.post("/v1/appointments", content=text, headers=headers)


async def test_every_outcome_has_its_status() -> None:
    assert set(STATUS) == set(Outcome)
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/patients", "/v1/leads/", "/v2/leads", "/x"])
async def test_a_page_that_is_none_is_a_problem(staff: Client, path: str) -> None:
    problem = refusal(await staff.http.get(path, headers=staff.clinic.bearer))
    assert (problem["status"], problem["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "leads", "GET"),
        ("PUT", "holds", "POST"),
        ("GET", "holds/x", "DELETE"),
        ("POST", "events", "GET"),
        ("DELETE", "appointments", "POST, GET"),
        ("PUT", "leads/9cc6e52f-b4ef-48aa-80fb-74b00b1c85d9", "GET, PATCH, DELETE"),
    ],
)
async def test_another_method_is_405(staff: Client, method: str, path: str, allowed: str) -> None:
    reply = await staff.send(method, path)
    assert refusal(reply)["status"] == 405
    assert reply.headers["allow"] == allowed


@pytest.mark.parametrize("text", ["", "{", "no", "{'name': 1}", b"\xff\xfe", DEEP, '{"a": NaN}'])
async def test_what_is_no_json_is_refused(staff: Client, text: str | bytes) -> None:
    problem = refusal(await post_text(staff, text))
    assert problem["status"] in (400, 422)
    assert problem["code"] == "INVALID_ARGUMENTS"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
async def test_another_kind_of_body_is_refused(staff: Client, kind: str) -> None:
    problem = refusal(await post_text(staff, json.dumps(booking()), kind))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("body", [[], "x", 1, None, [booking()], True])
async def test_a_body_that_is_no_object_is_refused(staff: Client, body: object) -> None:
    problem = refusal(await post_text(staff, json.dumps(body)))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")


async def test_a_long_body_is_413(staff: Client) -> None:
    text = json.dumps(booking(notes="x" * (2 * 1024 * 1024)))
    reply = await post_text(staff, text)
    assert refusal(reply)["status"] == 413


async def test_unknown_fields_and_parameters_are_named(staff: Client) -> None:
    sent = booking(p_org_id=str(uuid4()), colour="blue")
    problem = refusal(await staff.send("POST", "appointments", sent))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
    assert {each["where"] for each in problem["errors"]} == {"p_org_id", "colour"}
    for method, path in (("GET", "leads"), ("POST", "holds"), ("GET", "clinic")):
        problem = refusal(await staff.send(method, path, None, org_id="x"))
        assert (problem["code"], problem["where"]) == ("INVALID_ARGUMENTS", "org_id")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": None}, 422, "INVALID_NAME"),
        ({"name": 7}, 422, "INVALID_NAME"),
        ({"name": "🦷"}, 422, "INVALID_NAME"),
        ({"phone": "12"}, 422, "INVALID_PHONE"),
        ({"phone": None}, 422, "INVALID_PHONE"),
        ({"contact_phone": "x"}, 422, "INVALID_PHONE"),
        ({"email": "maya"}, 422, "INVALID_EMAIL"),
        ({"scheduled_at": "2026-11-26T10:00:00"}, 422, "INVALID_DATE"),
        ({"scheduled_at": "tomorrow"}, 422, "INVALID_DATE"),
        ({"scheduled_at": 1795687200}, 422, "INVALID_DATE"),
        ({"scheduled_at": "2026-02-30T10:00:00Z"}, 422, "INVALID_DATE"),
        ({"scheduled_at": "0001-01-01T00:00:00+14:00"}, 422, "INVALID_DATE"),
        ({"scheduled_at": "9999-12-31T23:59:59-12:00"}, 422, "INVALID_DATE"),
        ({"scheduled_at": "2026-10-01T10:00:00Z"}, 422, "DATE_IN_PAST"),
        ({"scheduled_at": "2036-11-26T10:00:00Z"}, 409, "TOO_FAR_AHEAD"),
        ({"scheduled_at": "2026-11-29T10:00:00Z"}, 409, "OUTSIDE_HOURS"),
        ({"duration_minutes": 0}, 422, "INVALID_DURATION"),
        ({"duration_minutes": "60"}, 422, "INVALID_DURATION"),
        ({"duration_minutes": 60.5}, 422, "INVALID_DURATION"),
        ({"duration_minutes": True}, 422, "INVALID_DURATION"),
        ({"duration_minutes": 10**30}, 422, "INVALID_DURATION"),
        ({"service_type": "surgery"}, 404, "UNKNOWN_SERVICE"),
        ({"service_type": ""}, 404, "UNKNOWN_SERVICE"),
        ({"practitioner_id": "Dr Grey"}, 422, "INVALID_ARGUMENTS"),
        ({"practitioner_id": str(uuid4())}, 404, "UNKNOWN_PRACTITIONER"),
        ({"room_id": str(uuid4())}, 404, "NOT_FOUND"),
        ({"hold_id": str(uuid4())}, 404, "NOT_FOUND"),
        ({"birth_date": "28 February"}, 422, "INVALID_DATE"),
        ({"birth_date": "1789-07-14"}, 422, "INVALID_ARGUMENTS"),
        ({"notes": "x" * 2001}, 422, "INVALID_ARGUMENTS"),
        ({"notes": "\x00"}, 422, "INVALID_ARGUMENTS"),
        ({"call_id": ""}, 422, "INVALID_ARGUMENTS"),
        ({"allow_overlap": "yes"}, 422, "INVALID_ARGUMENTS"),
    ],
)
async def test_a_bad_value_has_its_outcome_and_is_not_repeated(
    voice: Api, staff: Client, change: dict[str, Any], status: int, code: str
) -> None:
    body = {**booking(), **change}
    reply = await post_text(staff, json.dumps({k: v for k, v in body.items() if v is not None}))
    problem = refusal(reply)
    assert (problem["status"], problem["code"]) == (status, code)
    assert (await voice.counts())["appointments"] == 0
    for value in change.values():
        assert len(str(value)) < 5 or str(value) not in reply.text


async def test_a_lone_surrogate_is_refused(staff: Client) -> None:
    text = json.dumps(booking()).replace("Maya", "\\ud800")
    assert refusal(await post_text(staff, text))["code"] == "INVALID_NAME"


async def test_a_database_that_does_not_answer_is_503(voice: Api, staff: Client) -> None:
    session = await voice.database.connect_owner()
    await hold_lock(session, "appointments")
    reply = await staff.send("POST", "appointments", booking())
    problem = refusal(reply)
    assert (problem["status"], problem["code"]) == (503, "BUSY")
    assert int(reply.headers["retry-after"]) >= 1
    await session.execute("ROLLBACK")
    await staff.book()


async def test_a_request_is_logged_by_its_pattern_alone(
    staff: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    booked = await staff.book(name="Philippa Quellhorst", phone="+447700900371")
    capsys.readouterr()
    await staff.get(f"appointments/{booked['id']}")
    await staff.get(f"leads/{booked['lead_id']}")
    await staff.get("leads", phone="+447700900371")
    said = capsys.readouterr().out
    assert "route=/v1/appointments/{appointment_id}" in said
    assert "route=/v1/leads" in said
    for told in (booked["id"], booked["lead_id"], *PLANTED):
        assert told not in said


async def test_no_refusal_and_no_crash_tells_of_a_patient(
    voice: Api, staff: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = {"name": "Philippa Quellhorst", "phone": "+447700900371", "notes": "planted incisor"}
    superuser = await voice.database.connect_superuser()
    await superuser.execute(BROKEN)
    bad: list[dict[str, Any]] = [
        {},
        {"email": "planted at nowhere"},
        {"scheduled_at": "Quellhorst at noon"},
        {"service_type": "planted"},
        {"practitioner_id": "Quellhorst"},
        {"birth_date": "planted"},
        {"room_id": ["Quellhorst"]},
        {"notes": {"planted": "incisor"}},
    ]
    replies = [
        await staff.send("POST", "appointments", {**booking(), **planted, **change})
        for change in bad
    ]
    replies.append(await post_text(staff, '{"name": "Quellhorst'))
    replies.append(await staff.send("GET", "appointments/Quellhorst"))
    replies.append(await staff.send("GET", "leads", cursor="planted", phone="planted incisor"))
    said = capsys.readouterr().out
    try:
        assert refusal(replies[0])["code"] == "INTERNAL_ERROR"
        assert "RaiseError at " in said
        for text in (said, *(reply.text for reply in replies)):
            for told in PLANTED:
                assert told not in text
    finally:
        await superuser.execute("DROP FUNCTION break_down CASCADE")


async def test_metrics_know_routes_and_outcomes_only(voice: Api, staff: Client) -> None:
    await staff.book()
    await staff.refused("POST", "appointments", booking(**ANA))
    await staff.book(THURSDAY + HOUR, **ANA)
    counted = (await voice.http.get("/metrics")).text
    assert 'voxanne_requests_total{route="/v1/appointments",status="201"}' in counted
    assert 'voxanne_bookings_total{outcome="SLOT_UNAVAILABLE"}' in counted
    assert staff.clinic.key not in counted

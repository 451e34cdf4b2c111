"""What the RPC endpoint makes of parameters that a program got wrong."""

import json

import pytest

from tests.integration.clinics import RPC_URL, Api, Json
from tests.integration.test_rpc import call, parameters, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

FARTHEST = "9999-12-31T23:59:59-12:00"
NEAREST = "0001-01-01T00:00:00+12:00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "PGRST102"),
        ("hello", 400, "PGRST102"),
        ("[]", 400, "PGRST102"),
        ("null", 400, "PGRST102"),
        ('{"p_org_id": ', 400, "PGRST102"),
        ("[" * 100_000, 400, "PGRST102"),
        ("{}", 404, "PGRST202"),
        (r'{"\ud800": 1}', 404, "PGRST202"),
    ],
)
async def test_what_postgrest_would_refuse_is_refused_in_its_shape(
    voice: Api, body: str, status: int, code: str
) -> None:
    reply = await call(voice, body)
    assert reply.status_code == status
    error = reply.json()
    assert error["code"] == code
    assert error.keys() == {"code", "message", "details", "hint"}


@pytest.mark.parametrize(
    "name", ["p_patient_name", "p_patient_phone", "p_service_type", "p_scheduled_at"]
)
async def test_a_missing_parameter_is_named(voice: Api, name: str) -> None:
    body = parameters(voice.clinic)
    del body[name]
    reply = await call(voice, body)
    assert (reply.status_code, reply.json()["code"]) == (404, "PGRST202")
    assert name in reply.json()["message"]


async def test_an_unknown_parameter_is_named_and_nothing_runs(voice: Api) -> None:
    hostile = "p_x) ; DROP TABLE leads; --"
    reply = await call(voice, parameters(voice.clinic, **{"p_patient": "x", hostile: 1}))
    assert reply.status_code == 404
    assert "p_patient" in reply.json()["message"]
    assert (await voice.counts())["leads"] == 0


@pytest.mark.parametrize(
    ("name", "value"), [("p_source", "staff"), ("p_request_hash", "x"), ("p_phone_verified", True)]
)
async def test_what_only_the_api_may_say_is_an_unknown_parameter(
    voice: Api, name: str, value: object
) -> None:
    reply = await call(voice, parameters(voice.clinic, **{name: value}))
    assert (reply.status_code, reply.json()["code"]) == (404, "PGRST202")
    assert (await voice.counts())["leads"] == 0


async def test_another_function_is_not_found(voice: Api) -> None:
    url = RPC_URL.replace("book_appointment_atomic", "find_credential")
    reply = await voice.post(url, {"p_secret_hash": "x"})
    assert (reply.status_code, reply.json()["code"]) == (404, "PGRST202")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("p_org_id", "harbor", "INVALID_ORGANIZATION"),
        ("p_org_id", 7, "INVALID_ORGANIZATION"),
        ("p_scheduled_at", "soon", "INVALID_DATE"),
        ("p_scheduled_at", "2027-06-01T11:00:00", "INVALID_DATE"),
        ("p_scheduled_at", "2027-06-01", "INVALID_DATE"),
        ("p_scheduled_at", 1_800_000_000, "INVALID_DATE"),
        ("p_scheduled_at", ["2027-06-01T11:00:00Z"], "INVALID_DATE"),
        ("p_scheduled_at", None, "INVALID_DATE"),
        ("p_scheduled_at", "infinity", "INVALID_DATE"),
        ("p_scheduled_at", "2020-06-01T11:00:00Z", "DATE_IN_PAST"),
        ("p_scheduled_at", "9999-06-01T11:00:00Z", "TOO_FAR_AHEAD"),
        ("p_duration_minutes", "60", "INVALID_DURATION"),
        ("p_duration_minutes", True, "INVALID_DURATION"),
        ("p_duration_minutes", 1.5, "INVALID_DURATION"),
        ("p_duration_minutes", 0, "INVALID_DURATION"),
        ("p_duration_minutes", -5, "INVALID_DURATION"),
        ("p_duration_minutes", 2**31, "INVALID_DURATION"),
        ("p_patient_name", None, "INVALID_NAME"),
        ("p_patient_name", "", "INVALID_NAME"),
        ("p_patient_name", "\x00", "INVALID_NAME"),
        ("p_patient_name", "\ud800", "INVALID_NAME"),
        ("p_patient_name", "a" * 10_000, "INVALID_NAME"),
        ("p_patient_phone", None, "INVALID_PHONE"),
        ("p_patient_phone", "call me", "INVALID_PHONE"),
        ("p_patient_phone", "\x00", "INVALID_PHONE"),
        ("p_patient_email", "nobody", "INVALID_EMAIL"),
        ("p_service_type", None, "UNKNOWN_SERVICE"),
        ("p_service_type", "surgery", "UNKNOWN_SERVICE"),
        ("p_practitioner_id", "Dr Grey", "INVALID_ARGUMENTS"),
        ("p_practitioner_id", "a0000000-0000-4000-8000-000000000009", "UNKNOWN_PRACTITIONER"),
        ("p_room_id", "a0000000-0000-4000-8000-000000000009", "NOT_FOUND"),
        ("p_hold_id", "mine", "INVALID_ARGUMENTS"),
        ("p_hold_id", "a0000000-0000-4000-8000-000000000009", "NOT_FOUND"),
        ("p_birth_date", "1984", "INVALID_ARGUMENTS"),
        ("p_birth_date", "0001-01-01", "INVALID_ARGUMENTS"),
        ("p_alternatives", "3", "INVALID_ARGUMENTS"),
        ("p_alternatives", 11, "INVALID_ARGUMENTS"),
        ("p_alternatives", 2**31, "INVALID_ARGUMENTS"),
        ("p_allow_overlap", "yes", "INVALID_ARGUMENTS"),
        ("p_allow_overlap", 1, "INVALID_ARGUMENTS"),
        ("p_metadata", "[]", "INVALID_ARGUMENTS"),
        ("p_metadata", [], "INVALID_ARGUMENTS"),
        ("p_metadata", {"a": "x" * 20_000}, "INVALID_ARGUMENTS"),
        ("p_metadata", {"a": "\x00"}, "INVALID_ARGUMENTS"),
        ("p_metadata", {"a": "\ud800"}, "INVALID_ARGUMENTS"),
        ("p_idempotency_key", "x" * 2_000, "INVALID_ARGUMENTS"),
        ("p_call_id", "\x00", "INVALID_ARGUMENTS"),
    ],
)
async def test_a_wrong_value_is_refused_with_its_code(
    voice: Api, name: str, value: object, code: str
) -> None:
    answer = await refused(voice, parameters(voice.clinic, **{name: value}))
    assert answer["error"] == code


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("p_scheduled_at", FARTHEST, "INVALID_DATE"),
        ("p_scheduled_at", NEAREST, "INVALID_DATE"),
        ("p_metadata", {"a": "\udc00"}, "INVALID_ARGUMENTS"),
        ("p_metadata", {"\udfff": 1}, "INVALID_ARGUMENTS"),
    ],
)
async def test_an_extreme_value_is_refused_with_its_code(
    voice: Api, name: str, value: object, code: str
) -> None:
    answer = await refused(voice, parameters(voice.clinic, **{name: value}))
    assert answer["error"] == code


async def test_a_number_beyond_all_numbers_in_metadata_is_refused(voice: Api) -> None:
    body = json.dumps(parameters(voice.clinic, p_metadata={"a": "MARK"}))
    answer = await refused(voice, body.replace('"MARK"', "1e400"))
    assert answer["error"] == "INVALID_ARGUMENTS"


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
async def test_what_is_no_number_in_json_is_not_json(voice: Api, number: str) -> None:
    body = json.dumps(parameters(voice.clinic, p_metadata={"a": "MARK"}))
    answer = await call(voice, body.replace('"MARK"', number))
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


@pytest.mark.parametrize("metadata", [{"a": "naïve"}, {"a": {"b": [1, None, True]}}, {}])
async def test_metadata_is_kept(voice: Api, metadata: Json) -> None:
    assert (await call(voice, parameters(voice.clinic, p_metadata=metadata))).json()["success"]
    stored = json.loads(await voice.value("SELECT metadata FROM appointments"))
    assert {key: stored[key] for key in metadata} == metadata


async def test_an_emoji_in_metadata_is_kept(voice: Api) -> None:
    metadata = {"note": "afraid of needles 😀"}
    assert (await call(voice, parameters(voice.clinic, p_metadata=metadata))).json()["success"]


async def test_a_backslash_in_metadata_is_kept(voice: Api) -> None:
    metadata = {"note": "regex \\u0000"}
    assert (await call(voice, parameters(voice.clinic, p_metadata=metadata))).json()["success"]


async def test_metadata_can_not_replace_the_patients_details(voice: Api) -> None:
    body = parameters(voice.clinic, p_metadata={"patient": {"name": "Somebody Else"}})
    assert (await call(voice, body)).json()["success"] is True
    stored = json.loads(await voice.value("SELECT metadata FROM appointments"))
    assert stored["patient"]["name"] == "Test User"


async def test_a_national_number_is_read_with_the_clinics_country(voice: Api) -> None:
    body = parameters(voice.clinic, p_patient_phone="07700 900123")
    assert (await call(voice, body)).json()["success"] is True
    assert await voice.value("SELECT phone FROM leads") == "+447700900123"


async def test_an_idempotency_key_is_the_programs_own(voice: Api) -> None:
    body = parameters(voice.clinic, p_idempotency_key="order-7")
    first = (await call(voice, body)).json()
    again = (await call(voice, body)).json()
    assert (again["replayed"], again["appointment_id"]) == (True, first["appointment_id"])
    changed = {**body, "p_scheduled_at": "2027-06-02T11:00:00Z"}
    assert (await refused(voice, changed))["error"] == "IDEMPOTENCY_MISMATCH"


async def test_over_two_megabytes_is_413(voice: Api) -> None:
    body = parameters(voice.clinic, p_metadata={"a": "x" * 2 * 1024 * 1024})
    assert (await call(voice, body)).status_code == 413


async def test_get_is_not_answered(voice: Api) -> None:
    reply = await voice.http.get(RPC_URL, headers=voice.clinic.bearer)
    assert reply.status_code == 405

"""`POST /rest/v1/rpc/book_appointment_atomic`, as PostgREST's clients call it."""

import base64
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.database import Database
from tests.integration.clinics import RPC_URL, Api, Clinic, Json, running_api
from tests.integration.tokens import JWT_SECRET, key_server, key_set, token, unsigned_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOKED = {
    "success",
    "appointment_id",
    "contact_id",
    "scheduled_at",
    "ends_at",
    "created_at",
    "practitioner_id",
    "practitioner_name",
    "replayed",
}
REFUSED = {"success", "error", "message", "created_at"}
KEY_OBJECTS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
}


@pytest_asyncio.fixture(loop_scope="module")
async def rpc(scratch: Database) -> AsyncIterator[Api]:
    async with running_api(scratch, jwt_secret=JWT_SECRET) as api:
        yield api


def parameters(clinic: Clinic, **changes: object) -> Json:
    """Those of the issue's call; with `clinic`'s id."""
    return {
        "p_org_id": str(clinic.id),
        "p_patient_name": "Test User",
        "p_patient_email": "test@ex.com",
        "p_patient_phone": "+15551234567",
        "p_service_type": "consultation",
        "p_scheduled_at": "2027-06-01T11:00:00Z",
        "p_duration_minutes": 60,
        **changes,
    }


async def call(api: Api, body: object, headers: dict[str, str] | None = None) -> httpx2.Response:
    return await api.post(RPC_URL, body, headers)


async def refused(api: Api, body: object, headers: dict[str, str] | None = None) -> Json:
    """The refusal, with HTTP 200 and nothing stored."""
    before = await api.counts()
    reply = await call(api, body, headers)
    assert reply.status_code == 200, reply.text
    assert await api.counts() == before
    answer: Json = reply.json()
    assert answer["success"] is False
    assert answer["message"]
    return answer


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def in_an_hour() -> int:
    return int(time.time()) + 3_600


async def test_a_booking_is_answered_with_the_functions_json(rpc: Api) -> None:
    reply = await call(rpc, parameters(rpc.clinic))
    assert reply.status_code == 200
    booked = reply.json()
    assert booked.keys() >= BOOKED
    assert (booked["success"], booked["replayed"]) == (True, False)
    assert booked["scheduled_at"] == "2027-06-01T11:00:00+00:00"
    again = (await call(rpc, parameters(rpc.clinic))).json()
    assert (again["replayed"], again["appointment_id"]) == (True, booked["appointment_id"])


async def test_a_refusal_is_answered_with_the_functions_json(rpc: Api) -> None:
    await call(rpc, parameters(rpc.clinic))
    other = parameters(rpc.clinic, p_patient_name="Ana Ruiz", p_patient_phone="+15557654321")
    answer = await refused(rpc, other)
    assert answer.keys() == REFUSED | {"alternatives"}
    assert answer["error"] == "SLOT_UNAVAILABLE"
    assert answer["message"] == "SLOT_UNAVAILABLE: This time slot is already booked"


async def test_every_refusal_has_the_fields_of_the_contract(rpc: Api) -> None:
    other = await rpc.open_clinic()
    for changes in ({"p_org_id": str(other.id)}, {"p_scheduled_at": "soon"}):
        answer = await refused(rpc, parameters(rpc.clinic, **changes))
        assert answer.keys() >= REFUSED


async def test_the_organization_may_be_left_to_the_credential(rpc: Api) -> None:
    body = parameters(rpc.clinic)
    del body["p_org_id"], body["p_patient_email"], body["p_duration_minutes"]
    assert (await call(rpc, body)).json()["success"] is True


@pytest.mark.parametrize("with_expiry", [True, False])
@pytest.mark.parametrize("place", ["Authorization", "apikey"])
async def test_a_token_speaks_for_its_organization(rpc: Api, place: str, with_expiry: bool) -> None:
    claims: Json = {"org_id": str(rpc.clinic.id), "role": "authenticated", "aud": "authenticated"}
    if with_expiry:
        claims["exp"] = in_an_hour()
    text = token(claims)
    headers = bearer(text) if place == "Authorization" else {"apikey": text}
    assert (await call(rpc, parameters(rpc.clinic), headers)).json()["success"] is True


def bad_tokens(organization: str) -> dict[str, str]:
    claims: Json = {"org_id": organization, "exp": in_an_hour()}
    good = token(claims)
    head, body, signature = good.split(".")
    return {
        "expired": token({**claims, "exp": int(time.time()) - 60}),
        "not yet": token({**claims, "nbf": in_an_hour()}),
        "wrong secret": token(claims, key="another-secret-that-is-long-enough-for-hs256"),
        "another algorithm": token(claims, key=JWT_SECRET.ljust(64, "x"), algorithm="HS512"),
        "alg none": unsigned_token(claims),
        "signature cut off": f"{head}.{body}.",
        "signature changed": f"{head}.{body}.{signature[::-1]}",
        "no org_id": token({"exp": in_an_hour()}),
        "org_id is no UUID": token({**claims, "org_id": "harbor"}),
        "org_id is null": token({**claims, "org_id": None}),
        "unknown scope": token({**claims, "scope": "god"}),
        "scope is a list": token({**claims, "scope": ["admin"]}),
        "garbage": "a.b.c",
        "dots": "..",
        "not ASCII": "é.é.é",
        "RS256 without a key set": token(claims, key=KEY_OBJECTS["RS256"], algorithm="RS256"),
    }


BAD_TOKENS = tuple(bad_tokens(""))


@pytest.mark.parametrize("place", ["Authorization", "apikey"])
@pytest.mark.parametrize("flaw", BAD_TOKENS)
async def test_a_flawed_token_is_401(rpc: Api, flaw: str, place: str) -> None:
    text = bad_tokens(str(rpc.clinic.id))[flaw].encode()
    header = (place.encode(), b"Bearer " + text if place == "Authorization" else text)
    reply = await rpc.http.post(RPC_URL, json=parameters(rpc.clinic), headers=[header])
    assert reply.status_code == 401
    assert reply.json()["code"] == "UNAUTHORIZED"
    assert (await rpc.counts())["appointments"] == 0


async def test_the_audience_is_checked_where_one_is_configured(scratch: Database) -> None:
    async with running_api(scratch, jwt_secret=JWT_SECRET, jwt_audience="clinics") as api:
        for audience, status in (("clinics", 200), ("other", 401), (None, 401)):
            claims = {"org_id": str(api.clinic.id)} | ({"aud": audience} if audience else {})
            reply = await call(api, parameters(api.clinic), bearer(token(claims)))
            assert reply.status_code == status


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_token_signed_by_a_published_key_is_good(scratch: Database, algorithm: str) -> None:
    with key_server(key_set(KEY_OBJECTS)) as url:
        async with running_api(scratch, jwks_url=url) as api:
            claims: Json = {"org_id": str(api.clinic.id), "exp": in_an_hour()}
            stranger = ec.generate_private_key(ec.SECP256R1())
            forged = token(claims, key=stranger, algorithm="ES256")
            assert (await call(api, parameters(api.clinic), bearer(forged))).status_code == 401
            good = token(claims, key=KEY_OBJECTS[algorithm], algorithm=algorithm)
            reply = await call(api, parameters(api.clinic), bearer(good))
            assert reply.json()["success"] is True


async def test_a_public_key_is_no_shared_secret(scratch: Database) -> None:
    """The confusion of HS256 with RS256: the published key, used as an HMAC secret."""
    public = KEY_OBJECTS["RS256"].public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with key_server(key_set(KEY_OBJECTS)) as url:
        async with running_api(scratch, jwks_url=url, jwt_secret=JWT_SECRET) as api:
            claims: Json = {"org_id": str(api.clinic.id), "exp": in_an_hour()}
            head, body, _ = token(claims).split(".")
            mac = hmac.digest(pem, f"{head}.{body}".encode(), "sha256")
            signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            forged = bearer(f"{head}.{body}.{signature}")
            reply = await call(api, parameters(api.clinic), forged)
            assert reply.status_code == 401


async def test_an_unreachable_key_set_is_refused_soon(scratch: Database) -> None:
    async with running_api(scratch, jwks_url="http://127.0.0.1:9/jwks.json") as api:
        good = token({"org_id": str(api.clinic.id)}, key=KEY_OBJECTS["RS256"], algorithm="RS256")
        started = time.monotonic()
        reply = await call(api, parameters(api.clinic), bearer(good))
        assert reply.status_code in (401, 503)
        assert time.monotonic() - started < 2.0


async def test_authorization_wins_over_apikey(rpc: Api) -> None:
    other = await rpc.open_clinic()
    headers = {**other.bearer, "apikey": rpc.clinic.key}
    assert (await call(rpc, parameters(other), headers)).json()["success"] is True
    wrong = {"Authorization": "Bearer vox_wrong", "apikey": rpc.clinic.key}
    assert (await call(rpc, parameters(rpc.clinic), wrong)).status_code == 401
    basic = {"Authorization": "Basic eDp5", "apikey": rpc.clinic.key}
    assert (await call(rpc, parameters(rpc.clinic), basic)).status_code == 401


async def test_an_api_key_alone_will_do(rpc: Api) -> None:
    reply = await call(rpc, parameters(rpc.clinic), {"apikey": rpc.clinic.key})
    assert reply.json()["success"] is True


async def test_no_credential_is_401(rpc: Api) -> None:
    assert (await call(rpc, parameters(rpc.clinic), {})).status_code == 401


async def test_the_voice_platforms_secret_is_no_credential_here(rpc: Api) -> None:
    await rpc.value("UPDATE credentials SET kind = 'vapi_secret'")
    assert (await call(rpc, parameters(rpc.clinic))).status_code == 401


async def test_another_organization_is_forbidden(rpc: Api) -> None:
    other = await rpc.open_clinic()
    of_other = bearer(token({"org_id": str(other.id)}))
    for headers in (other.bearer, of_other):
        answer = await refused(rpc, parameters(rpc.clinic), headers)
        assert answer["error"] == "FORBIDDEN_ORGANIZATION"


@pytest.mark.parametrize("credential", ["key", "token"])
async def test_read_only_books_nothing(rpc: Api, credential: str) -> None:
    headers = bearer(token({"org_id": str(rpc.clinic.id), "scope": "read_only"}))
    if credential == "key":
        headers = (await rpc.new_key(rpc.clinic, "read_only")).bearer
    answer = await refused(rpc, parameters(rpc.clinic), headers)
    assert answer["error"] == "UNAUTHORIZED"


async def test_only_staff_may_overbook_and_only_with_a_reason(rpc: Api) -> None:
    await call(rpc, parameters(rpc.clinic))
    on_top = parameters(
        rpc.clinic,
        p_patient_name="Ana Ruiz",
        p_patient_phone="+15557654321",
        p_allow_overlap=True,
        p_overlap_reason="in pain",
    )
    assert (await refused(rpc, on_top))["error"] == "UNAUTHORIZED"
    staff = await rpc.new_key(rpc.clinic, "staff")
    without = {**on_top, "p_overlap_reason": None}
    assert (await refused(rpc, without, staff.bearer))["error"] == "UNAUTHORIZED"
    assert (await call(rpc, on_top, staff.bearer)).json()["success"] is True
    assert await rpc.value("SELECT count(*) FROM appointments WHERE overlap_allowed") == 1

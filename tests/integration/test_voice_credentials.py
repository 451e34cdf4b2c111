"""The credential decides for which clinic a call speaks; everything else may only contradict it."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.database import Database
from tests.integration.clinics import TOOL_URL, VAPI_URL, Api, Clinic, Json, running_api, wish
from tests.printed import plant
from tests.unit import vapi_bodies as bodies
from voxanne.inbound.signatures import HmacScheme, sign
from voxanne.postgres import organizations

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET_FOR_ALL = plant("a deployment's secret", "deployment-wide-secret-1")
HMAC_KEY_FOR_ALL = plant("a deployment's HMAC key", "deployment-wide-hmac-key-1")
OWN_SECRET = plant("a clinic's secret", "a-clinics-own-secret-1")
OWN_HMAC_KEY = plant("a clinic's HMAC key", b"a-clinics-own-hmac-key-1")


@pytest_asyncio.fixture(loop_scope="module")
async def shared(scratch: Database) -> AsyncIterator[Api]:
    """An API with deployment-wide credentials, as one agency's account uses them."""
    async with running_api(
        scratch, vapi_secret=SECRET_FOR_ALL, vapi_hmac_key=HMAC_KEY_FOR_ALL
    ) as api:
        yield api


def booking(**about: Any) -> bytes:
    """A wire body that books, as it goes over the wire."""
    return json.dumps(bodies.envelope([bodies.tool_call(arguments=wish())], **about)).encode()


async def booked_for(api: Api) -> UUID | None:
    """The organization of the one booking, None without any."""
    rows = await api.rows("SELECT org_id FROM appointments")
    assert len(rows) <= 1
    return rows[0]["org_id"] if rows else None


async def status_of(api: Api, body: bytes, headers: dict[str, str]) -> int:
    return (await api.post(VAPI_URL, body, headers)).status_code


async def entry_of(api: Api, body: bytes, headers: dict[str, str]) -> tuple[str, Json]:
    """Under which key the only call was answered, and what it says."""
    (entry,) = (await api.answer(body, headers))["results"]
    key = "error" if "error" in entry else "result"
    return key, json.loads(entry[key])


async def set_hmac_key(api: Api, clinic: Clinic, key: bytes, **scheme: object) -> None:
    await organizations.set_hmac_key(
        await api.database.owner(),
        clinic.id,
        encrypted_key=api.fernet.encrypt(key),
        scheme=scheme,
    )


def signed(body: bytes, key: bytes, *, seconds_ago: float = 0) -> dict[str, str]:
    """Vapi's default scheme, computed without the product's own code."""
    timestamp = str(int(time.time() - seconds_ago))
    digest = hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Signature": digest, "X-Timestamp": timestamp}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_clinics_key_books_for_that_clinic_alone(voice: Api, scheme: str) -> None:
    other = await voice.open_clinic()
    assert await status_of(voice, booking(), {"Authorization": f"{scheme} {other.key}"}) == 200
    assert await booked_for(voice) == other.id


async def test_a_key_speaks_for_its_own_clinic_on_anothers_line(voice: Api) -> None:
    other = await voice.open_clinic()
    await voice.add_line(voice.clinic, phone_number_id=bodies.PHONE_NUMBER_ID)
    await entry_of(voice, booking(), other.bearer)
    assert await booked_for(voice) == other.id


async def test_a_clinics_own_secret_speaks_for_it(voice: Api) -> None:
    connection = await voice.database.owner()
    await organizations.set_vapi_secret(connection, voice.clinic.id, OWN_SECRET)
    assert await status_of(voice, booking(), {"X-Vapi-Secret": OWN_SECRET}) == 200
    assert await booked_for(voice) == voice.clinic.id
    assert await status_of(voice, booking(), {"X-Vapi-Secret": OWN_SECRET + "x"}) == 401


async def test_a_new_secret_replaces_the_old_one(voice: Api) -> None:
    connection = await voice.database.owner()
    await organizations.set_vapi_secret(connection, voice.clinic.id, OWN_SECRET)
    await organizations.set_vapi_secret(connection, voice.clinic.id, OWN_SECRET + "-new")
    assert await status_of(voice, booking(), {"X-Vapi-Secret": OWN_SECRET}) == 401
    assert await status_of(voice, booking(), {"X-Vapi-Secret": OWN_SECRET + "-new"}) == 200


@pytest.mark.parametrize(
    "line",
    [
        {"phone_number_id": bodies.PHONE_NUMBER_ID},
        {"number": bodies.DIALLED},
        {"assistant_id": bodies.ASSISTANT_ID},
    ],
)
@pytest.mark.parametrize("proof", ["secret", "hmac"])
async def test_with_a_shared_credential_the_registered_line_names_the_clinic(
    shared: Api, line: dict[str, str], proof: str
) -> None:
    other = await shared.open_clinic()
    await shared.add_line(other, **line)
    body = booking()
    headers = {"X-Vapi-Secret": SECRET_FOR_ALL}
    if proof == "hmac":
        headers = signed(body, HMAC_KEY_FOR_ALL.encode())
    key, answer = await entry_of(shared, body, headers)
    assert (key, answer["success"]) == ("result", True)
    assert await booked_for(shared) == other.id


async def test_the_surest_name_of_a_line_wins(shared: Api) -> None:
    by_assistant, by_id = await shared.open_clinic(), await shared.open_clinic()
    await shared.add_line(by_assistant, assistant_id=bodies.ASSISTANT_ID)
    await shared.add_line(by_id, phone_number_id=bodies.PHONE_NUMBER_ID)
    await entry_of(shared, booking(), {"X-Vapi-Secret": SECRET_FOR_ALL})
    assert await booked_for(shared) == by_id.id


async def test_an_api_requests_line_is_in_its_header(shared: Api) -> None:
    await shared.add_line(shared.clinic, number=bodies.DIALLED)
    headers = {"X-Vapi-Secret": SECRET_FOR_ALL, "X-Caller": bodies.CALLER}
    unknown = await shared.answer(wish(), headers, TOOL_URL)
    assert unknown["error"] == "INVALID_ORGANIZATION"
    known = await shared.answer(wish(), headers | {"X-Called": bodies.DIALLED}, TOOL_URL)
    assert known["success"] is True


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("proof", ["secret", "hmac"])
async def test_an_unknown_line_is_an_error_and_metadata_never_chooses_a_clinic(
    shared: Api, proof: str, metadata: bool
) -> None:
    claim = {"org_id": str(shared.clinic.id)} if metadata else None
    body = booking(metadata=claim)
    headers = {"X-Vapi-Secret": SECRET_FOR_ALL}
    if proof == "hmac":
        headers = signed(body, HMAC_KEY_FOR_ALL.encode())
    key, answer = await entry_of(shared, body, headers)
    assert (key, answer["error"]) == ("error", "INVALID_ORGANIZATION")
    assert await booked_for(shared) is None


async def test_the_default_hmac_scheme_speaks_for_the_lines_clinic(voice: Api) -> None:
    await set_hmac_key(voice, voice.clinic, OWN_HMAC_KEY)
    await voice.add_line(voice.clinic, number=bodies.DIALLED)
    body = booking()
    assert await status_of(voice, body, signed(body, OWN_HMAC_KEY)) == 200
    assert await booked_for(voice) == voice.clinic.id


async def test_a_signature_proves_the_clinic_that_the_metadata_names(voice: Api) -> None:
    await set_hmac_key(voice, voice.clinic, OWN_HMAC_KEY)
    body = booking(metadata={"org_id": str(voice.clinic.id)})
    assert await status_of(voice, body, signed(body, OWN_HMAC_KEY)) == 200
    assert await booked_for(voice) == voice.clinic.id


@pytest.mark.parametrize("flaw", ["tampered", "old", "ahead", "wrong key", "no timestamp", "empty"])
async def test_a_flawed_signature_is_refused(voice: Api, flaw: str) -> None:
    await set_hmac_key(voice, voice.clinic, OWN_HMAC_KEY)
    await voice.add_line(voice.clinic, number=bodies.DIALLED)
    body = booking()
    seconds_ago = {"old": 301.0, "ahead": -310.0}.get(flaw, 0.0)
    key = b"some-other-hmac-key-1" if flaw == "wrong key" else OWN_HMAC_KEY
    headers = signed(body, key, seconds_ago=seconds_ago)
    if flaw == "no timestamp":
        del headers["X-Timestamp"]
    if flaw == "empty":
        headers["X-Signature"] = ""
    sent = body.replace(b"Maya", b"Anna") if flaw == "tampered" else body
    assert await status_of(voice, sent, headers) == 401
    assert await booked_for(voice) is None


async def test_one_clinics_signature_is_worth_nothing_on_anothers_line(voice: Api) -> None:
    other = await voice.open_clinic()
    await set_hmac_key(voice, voice.clinic, OWN_HMAC_KEY)
    await set_hmac_key(voice, other, b"the-other-clinics-key-1")
    await voice.add_line(other, number=bodies.DIALLED)
    body = booking()
    assert await status_of(voice, body, signed(body, OWN_HMAC_KEY)) == 401
    claiming = booking(metadata={"org_id": str(voice.clinic.id)})
    assert await status_of(voice, claiming, signed(claiming, OWN_HMAC_KEY)) == 401
    assert await booked_for(voice) is None


async def test_every_part_of_the_scheme_can_be_configured(voice: Api) -> None:
    key = base64.b64encode(b"\x00\xffbinary key of 24 bytes!").decode()
    scheme: Json = {
        "algorithm": "sha512",
        "signature_header": "X-Clinic-Signature",
        "timestamp_header": "X-Clinic-Time",
        "payload_format": "{svix-id}:{timestamp}:{method} {url}:{body}",
        "encoding": "base64",
        "prefix": "v1,",
        "message_id_header": "X-Message-Id",
        "secret_is_base64": True,
    }
    await set_hmac_key(voice, voice.clinic, key.encode(), **scheme)
    await voice.add_line(voice.clinic, number=bodies.DIALLED)
    body = booking()
    headers = sign(
        HmacScheme.from_mapping(scheme),
        key.encode(),
        body=body,
        method="POST",
        url=f"http://clinic.test{VAPI_URL}",
        timestamp=str(int(time.time() * 1000)),
        message_id="msg_1",
    )
    assert await status_of(voice, body, headers | {"X-Message-Id": "msg_2"}) == 401
    assert await status_of(voice, body, signed(body, key.encode())) == 401
    assert await status_of(voice, body, headers) == 200
    assert await booked_for(voice) == voice.clinic.id


async def test_behind_a_proxy_the_public_address_is_what_was_signed(scratch: Database) -> None:
    scheme: Json = {"payload_format": "{timestamp}.{url}.{body}"}
    async with running_api(scratch, public_url="https://clinic.example/") as api:
        await set_hmac_key(api, api.clinic, OWN_HMAC_KEY, **scheme)
        await api.add_line(api.clinic, number=bodies.DIALLED)
        body = booking()
        headers = sign(
            HmacScheme.from_mapping(scheme),
            OWN_HMAC_KEY,
            body=body,
            method="POST",
            url=f"https://clinic.example{VAPI_URL}",
            timestamp=str(int(time.time())),
        )
        assert await status_of(api, body, headers) == 200


async def test_a_key_that_can_not_be_decrypted_verifies_nothing(voice: Api) -> None:
    connection = await voice.database.owner()
    await organizations.set_hmac_key(
        connection, voice.clinic.id, encrypted_key=b"of an older deployment", scheme={}
    )
    await voice.add_line(voice.clinic, number=bodies.DIALLED)
    body = booking()
    assert await status_of(voice, body, signed(body, OWN_HMAC_KEY)) == 401


async def test_a_wrong_credential_is_refused_beside_a_right_one(shared: Api) -> None:
    other = await shared.open_clinic()
    connection = await shared.database.owner()
    await organizations.set_vapi_secret(connection, other.id, OWN_SECRET)
    for header in ("wrong", OWN_SECRET):
        headers = {**shared.clinic.bearer, "X-Vapi-Secret": header}
        assert await status_of(shared, booking(), headers) == 401
    wrong_bearer = {"Authorization": "Bearer vox_wrong", "X-Vapi-Secret": SECRET_FOR_ALL}
    assert await status_of(shared, booking(), wrong_bearer) == 401
    basic = {"Authorization": "Basic eDp5", "X-Vapi-Secret": SECRET_FOR_ALL}
    assert await status_of(shared, booking(), basic) == 401
    assert await booked_for(shared) is None


async def test_two_right_credentials_may_stand_together(shared: Api) -> None:
    headers = {**shared.clinic.bearer, "X-Vapi-Secret": SECRET_FOR_ALL}
    await entry_of(shared, booking(), headers)
    assert await booked_for(shared) == shared.clinic.id


def claims(organization: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Where a request may name an organization: the body, and the header to add."""
    call = bodies.tool_call(arguments=wish(phone=bodies.CALLER))
    plain = bodies.envelope([call])
    message = plain["message"]
    assert isinstance(message, dict)
    claim = {"org_id": organization}
    placed = {
        "header": plain,
        "assistant": bodies.envelope([call], metadata=claim),
        "organization_id": bodies.envelope([call], metadata={"organization_id": organization}),
        "body": {**plain, "metadata": claim},
        "message": {"message": {**message, "metadata": claim}},
        "call": {"message": {**message, "call": {**message["call"], "metadata": claim}}},
        "overrides": {
            "message": {
                **message,
                "call": {**message["call"], "assistantOverrides": {"metadata": claim}},
            }
        },
        "variables": {
            "message": {
                **message,
                "call": {**message["call"], "assistantOverrides": {"variableValues": claim}},
            }
        },
    }
    headers = {"header": {"X-Org-Id": organization}}
    return {
        place: (json.dumps(body).encode(), headers.get(place, {})) for place, body in placed.items()
    }


PLACES = tuple(claims(""))


@pytest.mark.parametrize("place", PLACES)
async def test_a_claim_that_agrees_in_any_letter_case_changes_nothing(
    voice: Api, place: str
) -> None:
    for text in (str(voice.clinic.id), str(voice.clinic.id).upper()):
        body, header = claims(text)[place]
        key, answer = await entry_of(voice, body, voice.clinic.bearer | header)
        assert (key, answer["success"]) == ("result", True)


@pytest.mark.parametrize("place", PLACES)
async def test_a_claim_that_disagrees_is_forbidden_and_nothing_is_stored(
    voice: Api, place: str
) -> None:
    other = await voice.open_clinic()
    before = await voice.counts()
    for text in (str(other.id), "a0000000-0000-4000-8000-000000000001", "nonsense"):
        body, header = claims(text)[place]
        key, answer = await entry_of(voice, body, voice.clinic.bearer | header)
        assert (key, answer["error"]) == ("result", "FORBIDDEN_ORGANIZATION")
        assert str(voice.clinic.id) not in json.dumps(answer)
    assert await voice.counts() == before


async def test_one_claim_that_agrees_does_not_cover_one_that_does_not(voice: Api) -> None:
    body = booking(metadata={"org_id": str(voice.clinic.id)})
    headers = voice.clinic.bearer | {"X-Org-Id": "a0000000-0000-4000-8000-000000000001"}
    _, answer = await entry_of(voice, body, headers)
    assert answer["error"] == "FORBIDDEN_ORGANIZATION"


@pytest.mark.parametrize("claim", [7, ["x"], {"id": "x"}, "x" * 100, "\x00"])
async def test_a_claim_that_can_not_be_read_contradicts(voice: Api, claim: object) -> None:
    _, answer = await entry_of(voice, booking(metadata={"org_id": claim}), voice.clinic.bearer)
    assert answer["error"] == "FORBIDDEN_ORGANIZATION"


async def test_the_direct_shape_can_claim_too(voice: Api) -> None:
    other = await voice.open_clinic()
    body = bodies.direct(wish(phone=bodies.CALLER), org_id=str(other.id))
    answered = await voice.answer(body, path=TOOL_URL)
    assert answered["result"]["error"] == "FORBIDDEN_ORGANIZATION"
    assert await booked_for(voice) is None


async def test_a_read_only_key_books_nothing(voice: Api) -> None:
    reader = await voice.new_key(voice.clinic, "read_only")
    assert await status_of(voice, booking(), reader.bearer) == 401
    assert await booked_for(voice) is None


@pytest.mark.parametrize("scope", ["agent", "staff", "admin"])
async def test_every_other_scope_books(voice: Api, scope: str) -> None:
    key = await voice.new_key(voice.clinic, scope)
    _, answer = await entry_of(voice, booking(), key.bearer)
    assert answer["success"] is True


async def test_a_revoked_key_is_refused(voice: Api) -> None:
    assert await status_of(voice, booking(), voice.clinic.bearer) == 200
    await voice.value("DELETE FROM credentials")
    assert await status_of(voice, booking(), voice.clinic.bearer) == 401


async def test_a_revoked_key_is_remembered_no_longer_than_configured(scratch: Database) -> None:
    async with running_api(scratch, credential_cache_seconds=1) as api:
        assert await status_of(api, booking(), api.clinic.bearer) == 200
        await api.value("DELETE FROM credentials")
        assert await status_of(api, booking(), api.clinic.bearer) == 200
        await asyncio.sleep(1.05)
        assert await status_of(api, booking(), api.clinic.bearer) == 401


async def test_a_wrong_key_is_not_remembered(scratch: Database) -> None:
    async with running_api(scratch, credential_cache_seconds=300) as api:
        late = "vox_a-key-that-comes-later"
        assert await status_of(api, booking(), {"Authorization": f"Bearer {late}"}) == 401
        await api.value(
            "INSERT INTO credentials (secret_hash, kind, org_id, scope)"
            " VALUES (sha256($1::text::bytea), 'api_key', $2, 'agent')",
            late,
            api.clinic.id,
        )
        assert await status_of(api, booking(), {"Authorization": f"Bearer {late}"}) == 200

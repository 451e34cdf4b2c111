"""Voice lines, keys and secrets: made, used, taken away, and never shown again."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.clinics import VAPI_URL, Api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, submit, words
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINES = "/settings/lines"
SECRET = "a long secret from the platform"
SCRIPT = "<script>alert('x')</script>"


@pytest_asyncio.fixture(loop_scope="module")
async def owner(voice: Api) -> Desk:
    return await sign_in(voice)


async def new_key(owner: Desk, scope: str = "staff", name: str = "") -> str:
    """As the page shows it, once."""
    answer = await submit(owner, LINES, {"scope": scope, "name": name}, action=f"{LINES}/keys")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    _, _, rest = answer.text.partition('id="f-new-key" value="')
    key, _, _ = rest.partition('"')
    assert key.startswith("vox_")
    return str(key)


async def is_let_in(api: Api, key: str) -> bool:
    answer = await api.http.get("/v1/clinic", headers={"Authorization": f"Bearer {key}"})
    return bool(answer.status_code == 200)


async def test_a_key_is_made_shown_once_used_and_revoked(
    voice: Api, owner: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    key = await new_key(owner)
    assert await is_let_in(voice, key)
    page = await owner.get(LINES)
    assert key not in page.text
    assert hashlib.sha256(key.encode()).hexdigest() not in page.text
    (made,) = (
        row for row in await voice.rows("SELECT * FROM audit_log WHERE action = 'key_created'")
    )
    assert key not in str(made)
    revoke = f"/keys/{made['subject_id']}/revoke"
    assert revoke in page.text

    answer = await owner.post(f"{LINES}{revoke}")
    assert answer.headers["location"].endswith("done=revoked")
    assert not await is_let_in(voice, key)
    assert (await owner.post(f"{LINES}{revoke}")).status_code == 404
    assert key not in capsys.readouterr().out


async def test_a_key_is_told_from_others_by_what_it_is_for(owner: Desk) -> None:
    await new_key(owner, name=f" the reception's PC {SCRIPT} ")
    await new_key(owner)
    page = await owner.get(LINES)
    assert f"the reception's PC {SCRIPT} staff: everything" in words(page.text)
    assert "– staff: everything" in words(page.text)
    assert SCRIPT not in page.text


async def test_a_keys_name_that_is_too_long_is_said_beside_it(voice: Api, owner: Desk) -> None:
    said = {"scope": "agent", "name": "x" * 101}
    answer = await submit(owner, LINES, said, action=f"{LINES}/keys")
    assert answer.status_code == 422
    assert "100 characters" in (error_beside(answer.text, "name") or "")
    assert form(answer.text, f"{LINES}/keys")["name"] == ["x" * 101]
    assert await voice.value("SELECT count(*) FROM credentials WHERE name IS NOT NULL") == 0


@pytest.mark.parametrize("scope", ["", "owner", SCRIPT])
async def test_a_key_has_a_scope(voice: Api, owner: Desk, scope: str) -> None:
    before = await voice.value("SELECT count(*) FROM credentials")
    answer = await owner.post(f"{LINES}/keys", {"scope": scope})
    assert answer.status_code == 422
    assert error_beside(answer.text, "scope")
    assert SCRIPT not in answer.text
    assert await voice.value("SELECT count(*) FROM credentials") == before


async def test_a_line_is_added_in_the_clinics_way_of_writing_and_removed(
    voice: Api, owner: Desk
) -> None:
    said = {"number": "020 7946 0123", "assistant_id": "as-1"}
    answer = await submit(owner, LINES, said, action=f"{LINES}/add")
    assert answer.headers["location"].endswith("done=line")
    query = "SELECT kind, value FROM voice_lines WHERE org_id = $1 ORDER BY kind"
    rows = await voice.rows(query, voice.clinic.id)
    assert rows == [
        {"kind": "assistant_id", "value": "as-1"},
        {"kind": "number", "value": "+442079460123"},
    ]
    assert "+44 20 7946 0123" in words((await owner.get(LINES)).text)
    removed = {"kind": "assistant_id", "value": "as-1"}
    answer = await owner.post(f"{LINES}/remove", removed)
    assert answer.headers["location"].endswith("done=unmapped")
    assert len(await voice.rows(query, voice.clinic.id)) == 1
    assert (await owner.post(f"{LINES}/remove", removed)).status_code == 404


async def test_a_line_of_another_clinic_stays_theirs(voice: Api, owner: Desk) -> None:
    other = await voice.open_clinic()
    await voice.add_line(other, assistant_id="theirs")
    said = {"phone_number_id": "mine", "assistant_id": "theirs"}
    answer = await submit(owner, LINES, said, action=f"{LINES}/add")
    assert answer.status_code == 422
    assert "belongs to another" in (error_beside(answer.text, "assistant_id") or "")
    assert await voice.value("SELECT count(*) FROM voice_lines") == 1
    gone = {"kind": "assistant_id", "value": "theirs"}
    assert (await owner.post(f"{LINES}/remove", gone)).status_code == 404


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("number", {}),
        ("number", {"number": "12"}),
        ("number", {"number": SCRIPT}),
        ("assistant_id", {"assistant_id": "x" * 201}),
    ],
)
async def test_a_wrong_line_is_said_beside_it(
    voice: Api, owner: Desk, field: str, said: dict[str, Any]
) -> None:
    answer = await submit(owner, LINES, said, action=f"{LINES}/add")
    assert answer.status_code == 422
    assert error_beside(answer.text, field)
    assert SCRIPT not in answer.text
    assert await voice.value("SELECT count(*) FROM voice_lines") == 0
    assert form(answer.text, f"{LINES}/add")[field] == [said.get(field, "")]


async def test_a_lines_name_is_text(owner: Desk) -> None:
    await submit(owner, LINES, {"assistant_id": SCRIPT}, action=f"{LINES}/add")
    page = await owner.get(LINES)
    assert SCRIPT not in page.text
    assert SCRIPT in words(page.text)


async def test_the_platforms_secret_is_set_and_replaced(
    voice: Api, owner: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    for secret in (SECRET, SECRET + " anew"):
        answer = await submit(owner, LINES, {"secret": secret}, action=f"{LINES}/secret")
        assert answer.headers["location"].endswith("done=secret")
    body = bodies.envelope([bodies.tool_call("call_1")])
    assert (await voice.post(VAPI_URL, body, {"X-Vapi-Secret": SECRET})).status_code == 401
    known = await voice.post(VAPI_URL, body, {"X-Vapi-Secret": SECRET + " anew"})
    assert known.status_code == 200
    assert SECRET not in (await owner.get(LINES)).text
    assert SECRET not in capsys.readouterr().out
    assert SECRET not in str(await voice.rows("SELECT * FROM audit_log"))


async def test_a_secret_that_wont_do_is_refused_and_the_old_one_stays(
    voice: Api, owner: Desk
) -> None:
    await submit(owner, LINES, {"secret": SECRET}, action=f"{LINES}/secret")
    elsewhere = await sign_in(voice, clinic=await voice.open_clinic())
    for desk, secret in ((owner, "too short"), (elsewhere, SECRET)):
        answer = await submit(desk, LINES, {"secret": secret}, action=f"{LINES}/secret")
        assert answer.status_code == 422
        assert error_beside(answer.text, "secret")
        assert secret not in answer.text
    query = "SELECT org_id FROM credentials WHERE kind = 'vapi_secret'"
    assert await voice.rows(query) == [{"org_id": voice.clinic.id}]


async def test_an_hmac_key_is_set(
    voice: Api, owner: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"hmac_key": SECRET, "prefix": "sha256="}
    answer = await submit(owner, LINES, said, action=f"{LINES}/hmac")
    assert answer.headers["location"].endswith("done=hmac")
    await voice.add_line(voice.clinic, assistant_id=bodies.ASSISTANT_ID)
    body = json.dumps(bodies.envelope([bodies.tool_call("call_1")])).encode()
    timestamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()
    for prefix, status in (("", 401), ("sha256=", 200)):
        headers = {"X-Signature": prefix + signature, "X-Timestamp": timestamp}
        assert (await voice.post(VAPI_URL, body, headers)).status_code == status
    page = await owner.get(LINES)
    assert SECRET not in page.text
    assert SECRET not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("hmac_key", {"hmac_key": "short"}),
        ("payload_format", {"hmac_key": SECRET, "payload_format": "nothing"}),
        ("payload_format", {"hmac_key": SECRET, "algorithm": "md5"}),
        (
            "payload_format",
            {
                "hmac_key": SECRET,
                "include_timestamp": None,
                "payload_format": "{timestamp}:{body}",
            },
        ),
        ("payload_format", {"hmac_key": SECRET, "payload_format": "{body}{nonsense}"}),
    ],
)
async def test_a_wrong_hmac_key_is_said_beside_it(
    voice: Api, owner: Desk, field: str, said: dict[str, Any]
) -> None:
    answer = await submit(owner, LINES, said, action=f"{LINES}/hmac")
    assert answer.status_code == 422
    assert error_beside(answer.text, field)
    assert SECRET not in answer.text
    assert await voice.value("SELECT count(*) FROM hmac_keys") == 0


async def test_the_server_url_is_there_to_be_copied(owner: Desk) -> None:
    assert 'value="http://clinic.test/api/vapi"' in (await owner.get(LINES)).text


async def test_only_an_owner_sees_any_of_it(voice: Api) -> None:
    other = await voice.open_clinic()
    for role in ("staff", "read_only"):
        desk = await sign_in(voice, role)
        assert (await desk.get(LINES)).status_code == 403
        for path in ("add", "remove", "keys", "secret", "hmac", f"keys/{uuid4()}/revoke"):
            assert (await desk.post(f"{LINES}/{path}", {})).status_code == 403
            answer = await desk.post(f"{LINES}/{path}", {}, clinic=other)
            assert answer.status_code == 404


async def test_another_clinics_key_isnt_revoked(voice: Api, owner: Desk) -> None:
    other = await voice.open_clinic()
    theirs = await voice.value(
        "SELECT credential_id(secret_hash) FROM credentials WHERE org_id = $1", other.id
    )
    assert (await owner.post(f"{LINES}/keys/{theirs}/revoke")).status_code == 404
    query = "SELECT count(*) FROM credentials WHERE org_id = $1"
    assert await voice.value(query, other.id) == 1

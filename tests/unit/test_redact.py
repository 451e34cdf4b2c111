import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import vapi_bodies as bodies
from voxanne.inbound.voice.redact import DEPTH_MAX, REDACTED, TOO_DEEP, redact_secrets

PLANTED = "planted-secret-1b7c"
SECRET_WORDS = """
    twilioAuthToken twilioAccountSid secret serverUrlSecret clientSecret x-vapi-secret secretKey
    secret_key apiKey api_key API-KEY x-api-key twilioApiKey awsSecretAccessKey privateKey token
    Token accessToken access_token authorization Authorization password dbPassword credential
    credentials controlUrl listenUrl cookie set-cookie headers
"""
SECRET_KEYS = [*SECRET_WORDS.split(), "tok\x00en"]
KEPT_WORDS = """
    credentialId credentialIds toolCallId maxTokens promptTokens completionTokens tokens
    isServerUrlSecretSet header key name value secretary url phoneNumberId
"""


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("secret", [PLANTED, [PLANTED], {"a": {"b": PLANTED}}, 1234])
def test_a_secret_key_hides_whatever_it_holds(key: str, secret: object) -> None:
    text = json.dumps(redact_secrets({"outer": [{key: secret}]}))
    assert REDACTED in text
    assert PLANTED not in text
    assert "1234" not in text


@pytest.mark.parametrize("key", KEPT_WORDS.split())
def test_other_keys_are_kept(key: str) -> None:
    assert redact_secrets({key: PLANTED, "n": 100}) == {key: PLANTED, "n": 100}


def test_an_absent_secret_stays_absent() -> None:
    assert redact_secrets({"token": None}) == {"token": None}


def test_headers_keep_their_names() -> None:
    assert redact_secrets({"server": {"headers": {"X-Clinic": PLANTED, "b\x00": None}}}) == {
        "server": {"headers": {"X-Clinic": REDACTED, "b\ufffd": REDACTED}}
    }


def test_a_list_entry_that_names_its_key_counts_as_that_key() -> None:
    assert redact_secrets(
        [{"key": "api_key", "value": PLANTED}, {"name": "Authorization", "Value": PLANTED}]
    ) == [{"key": "api_key", "value": REDACTED}, {"name": "Authorization", "Value": REDACTED}]


def test_a_wire_body_loses_its_secrets_and_nothing_else() -> None:
    body: dict[str, Any] = bodies.envelope([bodies.tool_call()])
    before = json.dumps(body)
    redacted: Any = redact_secrets(body)
    text = json.dumps(redacted)
    for secret in (bodies.TWILIO_TOKEN, bodies.CONTROL_URL, "tool-server-secret", "header-secret"):
        assert secret in before
        assert secret not in text
    assert redacted["message"]["toolCallList"] == body["message"]["toolCallList"]
    assert redacted["message"]["customer"] == body["message"]["customer"]
    assert redacted["message"]["assistant"] == body["message"]["assistant"]
    assert json.dumps(body) == before


def test_what_jsonb_refuses_is_replaced() -> None:
    assert redact_secrets({"a\x00": ["b\ud800c", float("nan"), float("-inf"), 1.5, "é😀"]}) == {
        "a\ufffd": ["b\ufffdc", None, None, 1.5, "é😀"]
    }


def test_what_is_not_json_becomes_text() -> None:
    assert redact_secrets((b"x", 1)) == ["b'x'", 1]


def nested(depth: int) -> object:
    value: object = PLANTED
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_depth_has_a_limit() -> None:
    assert redact_secrets(nested(DEPTH_MAX)) == nested(DEPTH_MAX)
    text = json.dumps(redact_secrets(nested(DEPTH_MAX + 1)))
    assert TOO_DEEP in text
    assert PLANTED not in text
    redact_secrets(nested(100_000))


def test_a_body_of_two_megabytes_takes_little_time() -> None:
    body = {"calls": [{"name": f"n{n}", "id": n, "text": "word " * 4} for n in range(40_000)]}
    assert len(json.dumps(body)) > 2_000_000
    started = time.perf_counter()
    redact_secrets(body)
    assert time.perf_counter() - started < 5


any_text = st.text() | st.sampled_from(["\x00", "\ud800", "a\udfffb"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=15,
)


@given(json_values)
def test_the_result_is_always_storable(value: object) -> None:
    text = json.dumps(redact_secrets(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()


@given(
    key=st.sampled_from(SECRET_KEYS),
    secret=st.recursive(
        st.just(PLANTED), lambda inner: st.lists(inner) | st.fixed_dictionaries({"x": inner})
    ),
    path=st.lists(st.integers(0, 2) | st.text(max_size=5), max_size=80),
    beside=json_values,
)
def test_no_planted_secret_survives_at_any_depth(
    key: str, secret: object, path: list[int | str], beside: object
) -> None:
    value: object = {"beside": beside, key: secret}
    for step in path:
        value = {step: value, "n": 1} if isinstance(step, str) else [beside] * step + [value]
    assert PLANTED not in json.dumps(redact_secrets(value))

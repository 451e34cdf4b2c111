import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxanne.inbound.signatures import (
    ALGORITHMS,
    ENCODINGS,
    HmacScheme,
    sign,
    verify_signature,
)

NOW = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
SECONDS = str(int(NOW.timestamp()))
KEY = b"a shared secret"
BODY = b'{"message":{"type":"tool-calls","note":"{timestamp}{body}"},"raw":"\xff\x00"}'
URL = "https://clinic.example.test/api/vapi"
FORMATS = (
    "{timestamp}.{body}",
    "{method}|{url}|{timestamp}|{body}",
    "{svix-id}.{timestamp}.{body}",
    "v0:{timestamp}:{body}:{body}",
)


def signed(scheme: HmacScheme, key: bytes = KEY, timestamp: str = SECONDS) -> dict[str, str]:
    return sign(
        scheme,
        key,
        body=BODY,
        method="POST",
        url=URL,
        timestamp=timestamp,
        message_id="msg_1" if scheme.message_id_header else "",
    )


def verified(
    scheme: HmacScheme,
    headers: dict[str, str],
    *,
    key: bytes = KEY,
    body: bytes = BODY,
    url: str = URL,
    now: datetime = NOW,
    tolerance_seconds: int = 300,
) -> bool:
    return verify_signature(
        scheme,
        key,
        headers=headers,
        body=body,
        method="POST",
        url=url,
        now=now,
        tolerance_seconds=tolerance_seconds,
    )


@st.composite
def schemes(draw: st.DrawFn) -> HmacScheme:
    payload_format = draw(st.sampled_from(FORMATS))
    return HmacScheme(
        algorithm=draw(st.sampled_from(ALGORITHMS)),
        encoding=draw(st.sampled_from(ENCODINGS)),
        prefix=draw(st.sampled_from(["", "sha256=", "v1,"])),
        payload_format=payload_format,
        message_id_header="Svix-Id" if "{svix-id}" in payload_format else "",
        signature_header=draw(st.sampled_from(["x-signature", "X-Hub-Signature"])),
        secret_is_base64=draw(st.booleans()),
    )


@given(scheme=schemes(), body=st.binary(), timestamp=st.sampled_from([SECONDS, SECONDS + "000"]))
def test_what_was_signed_verifies(scheme: HmacScheme, body: bytes, timestamp: str) -> None:
    key = base64.b64encode(KEY)
    headers = sign(
        scheme, key, body=body, method="POST", url=URL, timestamp=timestamp, message_id="msg_1"
    )
    assert verified(scheme, headers, key=key, body=body)
    assert not verified(scheme, headers, key=base64.b64encode(KEY + b"x"), body=body)


@given(scheme=schemes(), data=st.data())
def test_one_changed_byte_fails(scheme: HmacScheme, data: st.DataObject) -> None:
    key = base64.b64encode(KEY)
    headers = signed(scheme, key)
    part = data.draw(st.sampled_from([*headers, "body"]))
    original = BODY if part == "body" else headers[part].encode()
    position = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda new: new != original[position]))
    changed = original[:position] + bytes([byte]) + original[position + 1 :]
    if part == "body":
        assert not verified(scheme, headers, key=key, body=changed)
        return
    text = changed.decode("latin-1")
    same_hex = part == scheme.signature_header and text.lower() == headers[part].lower()
    if part == scheme.message_id_header or not same_hex or scheme.encoding != "hex":
        assert not verified(scheme, {**headers, part: text}, key=key)


def test_it_is_the_plain_hmac_of_the_raw_bytes() -> None:
    expected = hmac.new(KEY, SECONDS.encode() + b"." + BODY, hashlib.sha256).hexdigest()
    assert signed(HmacScheme()) == {"x-signature": expected, "x-timestamp": SECONDS}


def test_svix_style() -> None:
    scheme = HmacScheme.from_mapping(
        {
            "algorithm": "sha256",
            "signatureHeader": "Svix-Signature",
            "timestampHeader": "Svix-Timestamp",
            "messageIdHeader": "Svix-Id",
            "payloadFormat": "{svix-id}.{timestamp}.{body}",
            "signatureEncoding": "base64",
            "signaturePrefix": "v1,",
            "secretIsBase64": True,
        }
    )
    digest = hmac.digest(KEY, b"msg_1." + SECONDS.encode() + b"." + BODY, "sha256")
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": SECONDS,
        "svix-signature": "v1," + base64.b64encode(digest).decode(),
    }
    assert verified(scheme, headers, key=base64.b64encode(KEY))
    assert not verified(scheme, {**headers, "svix-id": ""}, key=base64.b64encode(KEY))


def test_hex_may_be_upper_case_and_the_prefix_must_be_there() -> None:
    plain, prefixed = HmacScheme(), HmacScheme(prefix="sha256=")
    headers = signed(plain)
    digits = headers["x-signature"]
    assert verified(plain, {**headers, "x-signature": digits.upper()})
    assert not verified(prefixed, headers)
    assert verified(prefixed, {**headers, "x-signature": "sha256=" + digits})
    assert not verified(plain, {**headers, "x-signature": "sha256=" + digits})
    assert not verified(prefixed, {**headers, "x-signature": "SHA256=" + digits})


def test_base64_is_compared_exactly() -> None:
    scheme = HmacScheme(encoding="base64")
    headers = signed(scheme)
    assert not verified(scheme, {**headers, "x-signature": headers["x-signature"].swapcase()})
    assert not verified(scheme, {**headers, "x-signature": headers["x-signature"].rstrip("=")})


@pytest.mark.parametrize("render", [lambda t: str(int(t.timestamp())), lambda t: t.isoformat()])
@pytest.mark.parametrize(
    ("age_seconds", "passes"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_old_and_future_requests_fail(render, age_seconds: int, passes: bool) -> None:  # type: ignore[no-untyped-def]
    sent_at = NOW - timedelta(seconds=age_seconds)
    assert verified(HmacScheme(), signed(HmacScheme(), timestamp=render(sent_at))) is passes


@pytest.mark.parametrize("text", ["2026-11-24T10:00:00Z", "2026-11-24T11:00:00.25+01:00"])
def test_rfc_3339_is_understood(text: str) -> None:
    assert verified(HmacScheme(), signed(HmacScheme(), timestamp=text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "-1",
        " " + SECONDS,
        SECONDS + ".5",
        "9" * 30,
        "nan",
        "2026-11-24T10:00:00",
        "2026-11-24",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "٢" * 10,
        SECONDS + "\u00a0",
    ],
)
def test_a_timestamp_that_cannot_be_read_fails(text: str) -> None:
    assert not verified(HmacScheme(), signed(HmacScheme(), timestamp=text))


def test_missing_headers_fail() -> None:
    headers = signed(HmacScheme())
    for name in headers:
        assert not verified(HmacScheme(), {k: v for k, v in headers.items() if k != name})
    assert not verified(HmacScheme(), {})


@given(
    scheme=schemes(),
    values=st.lists(st.text(), min_size=3, max_size=3),
    url=st.text(st.characters()),
)
def test_arbitrary_headers_fail_and_never_raise(
    scheme: HmacScheme, values: list[str], url: str
) -> None:
    names = (scheme.signature_header, scheme.timestamp_header, scheme.message_id_header)
    assert not verified(scheme, dict(zip(names, values, strict=True)), url=url)
    headers = {**dict(zip(names, values, strict=True)), scheme.timestamp_header: SECONDS}
    assert not verified(scheme, headers, url=url)


def test_placeholders_in_what_is_signed_are_left_alone() -> None:
    scheme = HmacScheme(payload_format="{url}{timestamp}{body}")
    headers = sign(scheme, KEY, body=b"{url}", method="", url="{body}", timestamp=SECONDS)
    expected = hmac.digest(KEY, b"{body}" + SECONDS.encode() + b"{url}", "sha256").hex()
    assert headers["x-signature"] == expected


def test_without_a_timestamp_only_the_body_is_signed_and_age_is_not_known() -> None:
    scheme = HmacScheme.from_mapping({"includeTimestamp": False})
    headers = signed(scheme)
    assert headers == {"x-signature": hmac.digest(KEY, BODY, "sha256").hex()}
    assert verified(scheme, headers, now=NOW + timedelta(days=400))


@pytest.mark.parametrize("key", [b"", b"not base64!", b"\xff"])
def test_a_key_that_cannot_be_used_verifies_nothing(key: bytes) -> None:
    scheme = HmacScheme(secret_is_base64=True)
    assert not verified(scheme, signed(HmacScheme(), b"x"), key=key)
    forged = hmac.digest(b"", SECONDS.encode() + b"." + BODY, "sha256").hex()
    assert not verified(scheme, {"x-signature": forged, "x-timestamp": SECONDS}, key=key)
    with pytest.raises(ValueError, match="secret"):
        signed(scheme, key)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"algorithm": "md5"}, "allowed: sha256, sha512, sha1"),
        ({"encoding": "base58"}, "allowed: hex, base64"),
        ({"signatureEncoding": "HEX"}, "allowed: hex, base64"),
        ({"signature_header": " "}, "signature_header"),
        ({"timestamp_header": ""}, "timestamp_header"),
        ({"payload_format": "{timestamp}"}, "lacks {body}"),
        ({"payload_format": "{body}"}, "include_timestamp"),
        ({"payload_format": "{path}{timestamp}.{body}"}, "allowed: {timestamp}"),
        ({"payload_format": "{svix-id}.{timestamp}.{body}"}, "message_id_header"),
        ({"include_timestamp": False, "payload_format": "{body}{timestamp}"}, "include_timestamp"),
        ({"include_timestamp": "false"}, "must be true or false"),
        ({"prefix": 5}, "must be text"),
        ({"secretKey": "x"}, "unknown setting 'secretKey'"),
        ({"prefix": "a", "signaturePrefix": "b"}, "twice"),
    ],
)
def test_a_scheme_that_cannot_work_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("{", r"\{")):
        HmacScheme.from_mapping(settings)

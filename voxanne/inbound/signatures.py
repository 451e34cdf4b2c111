"""HMAC signatures of incoming requests, with every part configurable as Vapi's credentials are.

Pure: the caller brings the key, the headers, the raw body and the time.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

ALGORITHMS = ("sha256", "sha512", "sha1")
ENCODINGS = ("hex", "base64")
PLACEHOLDERS = ("{timestamp}", "{body}", "{method}", "{url}", "{svix-id}")
DEFAULT_PAYLOAD_FORMAT = "{timestamp}.{body}"
TIMESTAMP_CHARACTERS_MAX = 40

_PLACEHOLDER = re.compile(r"(\{[^{}]*\})")
_UNIX_TIME = re.compile("[0-9]{1,15}")
# Unix seconds pass this in the year 5138, milliseconds passed it in 1973.
_MILLISECONDS_FROM = 10**11
# How Vapi's own credential objects spell the fields (HMACAuthenticationPlan).
_VAPI_NAMES = {
    "signatureHeader": "signature_header",
    "timestampHeader": "timestamp_header",
    "includeTimestamp": "include_timestamp",
    "payloadFormat": "payload_format",
    "signatureEncoding": "encoding",
    "signaturePrefix": "prefix",
    "messageIdHeader": "message_id_header",
    "secretIsBase64": "secret_is_base64",
}


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """How a sender signs. Raises ValueError for what can't be verified or wouldn't protect.

    Without a timestamp (`include_timestamp=False`) a captured request can be replayed forever;
    the default `payload_format` then means the body alone.
    """

    algorithm: str = "sha256"
    signature_header: str = "x-signature"
    timestamp_header: str = "x-timestamp"
    include_timestamp: bool = True
    payload_format: str = DEFAULT_PAYLOAD_FORMAT
    encoding: str = "hex"
    prefix: str = ""
    message_id_header: str = ""
    secret_is_base64: bool = False

    def __post_init__(self) -> None:
        for name in ("signature_header", "timestamp_header", "message_id_header"):
            object.__setattr__(self, name, getattr(self, name).strip().lower())
        if not self.include_timestamp and self.payload_format == DEFAULT_PAYLOAD_FORMAT:
            object.__setattr__(self, "payload_format", "{body}")
        _require_one_of("algorithm", self.algorithm, ALGORITHMS)
        _require_one_of("encoding", self.encoding, ENCODINGS)
        self._require_headers()
        self._require_sound_format()

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object]) -> "HmacScheme":
        """From configuration, in these field names or in Vapi's. Raises ValueError."""
        types = {field.name: field.type for field in fields(cls)}
        values: dict[str, Any] = {}
        for given, value in settings.items():
            name = _VAPI_NAMES.get(given, given)
            if name not in types:
                raise ValueError(f"unknown setting {given!r}; allowed: {', '.join(types)}")
            if name in values:
                raise ValueError(f"{name} is given twice")
            if type(value) is not types[name]:
                kind = "true or false" if types[name] is bool else "text"
                raise ValueError(f"{given} must be {kind}")
            values[name] = value
        return cls(**values)

    def _require_headers(self) -> None:
        if not self.signature_header:
            raise ValueError("signature_header is empty")
        if self.include_timestamp and not self.timestamp_header:
            raise ValueError("timestamp_header is empty; or set include_timestamp to false")
        if "{svix-id}" in self.payload_format and not self.message_id_header:
            raise ValueError("payload_format has {svix-id}, so message_id_header is needed")

    def _require_sound_format(self) -> None:
        for placeholder in _PLACEHOLDER.findall(self.payload_format):
            _require_one_of("placeholder in payload_format", placeholder, PLACEHOLDERS)
        if "{body}" not in self.payload_format:
            raise ValueError("payload_format lacks {body}: the body would not be protected")
        if ("{timestamp}" in self.payload_format) != self.include_timestamp:
            raise ValueError(
                "payload_format has {timestamp} exactly when include_timestamp is true:"
                " an unsigned timestamp protects against nothing"
            )


def verify_signature(
    scheme: HmacScheme,
    key: bytes,
    *,
    headers: Mapping[str, str],
    body: bytes,
    method: str,
    url: str,
    now: datetime,
    tolerance_seconds: int = 300,
) -> bool:
    """Whether the request was signed with `key`, no longer ago or ahead than the tolerance.

    `key` is the configured secret's bytes, decoded here when `secret_is_base64`; an empty one
    verifies nothing. `headers` have lower-case names, `body` is as received, `url` as the sender
    knows it, `now` is aware. Whatever the headers hold, nothing is raised.
    """
    presented = headers.get(scheme.signature_header, "")
    timestamp = headers.get(scheme.timestamp_header, "") if scheme.include_timestamp else ""
    message_id = headers.get(scheme.message_id_header, "") if scheme.message_id_header else ""
    if not (presented.isascii() and timestamp.isascii() and message_id.isascii()):
        return False
    if "{svix-id}" in scheme.payload_format and not message_id:
        return False
    if scheme.include_timestamp and not _is_current(timestamp, now, tolerance_seconds):
        return False
    secret = _secret(scheme, key)
    if not secret or not presented.startswith(scheme.prefix):
        return False
    encoded = presented[len(scheme.prefix) :]
    payload = _payload(scheme, timestamp, message_id, body, method, url)
    expected = _encode(scheme, hmac.digest(secret, payload, scheme.algorithm))
    if scheme.encoding == "hex":
        encoded = encoded.lower()
    return hmac.compare_digest(encoded.encode("ascii"), expected.encode("ascii"))


def sign(
    scheme: HmacScheme,
    key: bytes,
    *,
    body: bytes,
    method: str,
    url: str,
    timestamp: str,
    message_id: str = "",
) -> dict[str, str]:
    """The headers a sender would add. `timestamp` is the text it would send.

    Raises ValueError for a key that verifies nothing.
    """
    secret = _secret(scheme, key)
    if not secret:
        raise ValueError("the secret is empty or not base64")
    payload = _payload(scheme, timestamp, message_id, body, method, url)
    signature = _encode(scheme, hmac.digest(secret, payload, scheme.algorithm))
    headers = {scheme.signature_header: scheme.prefix + signature}
    if scheme.include_timestamp:
        headers[scheme.timestamp_header] = timestamp
    if scheme.message_id_header:
        headers[scheme.message_id_header] = message_id
    return headers


def _payload(
    scheme: HmacScheme, timestamp: str, message_id: str, body: bytes, method: str, url: str
) -> bytes:
    """The signed bytes. Only the format is searched for placeholders, never what is put in."""
    values = {
        "{timestamp}": timestamp.encode(errors="replace"),
        "{body}": body,
        "{method}": method.encode(errors="replace"),
        "{url}": url.encode(errors="replace"),
        "{svix-id}": message_id.encode(errors="replace"),
    }
    pieces = _PLACEHOLDER.split(scheme.payload_format)
    return b"".join(
        values[piece] if piece in values else piece.encode(errors="replace") for piece in pieces
    )


def _secret(scheme: HmacScheme, key: bytes) -> bytes:
    """The HMAC key; b"" when the secret can't be decoded."""
    if not scheme.secret_is_base64:
        return key
    try:
        return base64.b64decode(key + b"=" * (-len(key) % 4), validate=True)
    except binascii.Error:
        return b""


def _encode(scheme: HmacScheme, digest: bytes) -> str:
    return digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()


def _is_current(timestamp: str, now: datetime, tolerance_seconds: int) -> bool:
    """Vapi doesn't document the unit: Unix seconds, milliseconds and RFC 3339 are understood."""
    if len(timestamp) > TIMESTAMP_CHARACTERS_MAX:
        return False
    if _UNIX_TIME.fullmatch(timestamp):
        number = int(timestamp)
        sent_at_seconds = number / 1000 if number >= _MILLISECONDS_FROM else float(number)
    else:
        try:
            moment = datetime.fromisoformat(timestamp)
        except ValueError:
            return False
        if moment.tzinfo is None:
            return False
        sent_at_seconds = moment.timestamp()
    return abs(now.timestamp() - sent_at_seconds) <= tolerance_seconds


def _require_one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"unknown {what} {value!r}; allowed: {', '.join(allowed)}")

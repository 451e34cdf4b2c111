"""What a voice platform sent, made fit to store: no secrets, nothing that jsonb refuses.

Vapi puts the Twilio account's token, tool servers' secrets and a URL that steers the live call into
its bodies. The key decides: secrets inside free text or inside a JSON string are not looked for.
"""

import math
import re

DEPTH_MAX = 64
REDACTED = "[redacted]"
TOO_DEEP = "[too deep]"

# Keys are compared in lower case with everything but letters and digits removed.
_SECRET_KEYS = frozenset(
    {
        "controlurl",
        "headers",
        "listenurl",
        "passphrase",
        "twilioaccountsid",
    }
)
# Singular on purpose: `maxTokens` and `promptTokens` are counts.
_SECRET_ENDINGS = (
    "accesskey",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "token",
)
_NOT_IN_KEYS = re.compile("[^a-z0-9]")
_NOT_IN_JSONB = re.compile("[\x00\ud800-\udfff]")


def redact_secrets(value: object) -> object:
    """A new JSON value without secrets, NULs, lone surrogates and non-finite numbers.

    A secret becomes "[redacted]" whatever its type; null stays null. Of `headers` the names stay.
    A list entry that names its key, as in {"key": "apiKey", "value": …}, counts as that key. What
    lies deeper than DEPTH_MAX containers becomes "[too deep]".
    """
    return _redact(value, 0)


def _redact(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict | list | tuple):
        if depth >= DEPTH_MAX:
            return TOO_DEEP
        if isinstance(value, dict):
            return _redact_object(value, depth + 1)
        return [_redact(element, depth + 1) for element in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    return _storable(str(value))


def _redact_object(value: dict[object, object], depth: int) -> dict[str, object]:
    hides_value = any(_is_secret(value.get(key)) for key in ("key", "name"))
    redacted: dict[str, object] = {}
    for key, element in value.items():
        text = str(key)
        if element is not None and (_is_secret(text) or (hides_value and text.lower() == "value")):
            redacted[_storable(text)] = _hide(text, element)
        else:
            redacted[_storable(text)] = _redact(element, depth)
    return redacted


def _hide(key: str, value: object) -> object:
    """The mark; for `headers`, which names were sent is worth keeping and is no secret."""
    if isinstance(value, dict) and key.lower() == "headers":
        return {_storable(str(name)): REDACTED for name in value}
    return REDACTED


def _is_secret(key: object) -> bool:
    if not isinstance(key, str):
        return False
    plain = _NOT_IN_KEYS.sub("", key.lower())
    return plain in _SECRET_KEYS or plain.endswith(_SECRET_ENDINGS)


def _storable(text: str) -> str:
    return _NOT_IN_JSONB.sub("\ufffd", text)

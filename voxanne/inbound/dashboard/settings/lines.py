"""How calls reach the clinic, and what may speak for it: voice lines, keys, secrets."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from voxanne.booking.types import SCOPES
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.fields import (
    beside,
    phone_number,
    refusal_of,
)
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.signatures import ALGORITHMS, DEFAULT_PAYLOAD_FORMAT, ENCODINGS, HmacScheme
from voxanne.inbound.v1.problems import RefusedError
from voxanne.postgres.organizations import SECRET_CHARACTERS_MIN, new_key, secret_hash

PATH: Final = "/settings/lines"
SUBJECT_CHARACTERS_MAX: Final = 200  # of the audit log
SERVER_PATH: Final = "/api/vapi"
LINE_NAMES: Final = {
    "number": "Phone number",
    "phone_number_id": "The platform's id of the number",
    "assistant_id": "The platform's id of the assistant",
}
SCOPE_WORDS: Final = {
    "agent": "agent: books and changes for callers",
    "staff": "staff: everything but the settings",
    "admin": "admin: everything",
    "read_only": "read only",
}
# Of an HMAC scheme's settings what is written, and what is ticked.
HMAC_TEXTS: Final = (
    "algorithm",
    "signature_header",
    "timestamp_header",
    "payload_format",
    "encoding",
    "prefix",
    "message_id_header",
)
HMAC_TICKS: Final = ("include_timestamp", "secret_is_base64")
DONE: Final = {
    "line": "The line is mapped.",
    "unmapped": "The line is removed.",
    "revoked": "The key is revoked.",
    "secret": "The secret is set. The one before it is refused within seconds.",
    "hmac": "The HMAC key is set.",
}
assert set(SCOPE_WORDS) == set(SCOPES)


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def add_line(visit: Visit) -> Response:
    said = {kind: visit.form.get(kind) for kind in LINE_NAMES}
    names = {kind: value for kind, value in said.items() if value}
    if "number" in names:
        names["number"] = phone_number(visit, names["number"])
    if not names:
        return await _page(visit, {"number": "Name the line in one way at least."}, said)
    try:
        await visit.do("line_added", _line(names), "add_line", names=json.dumps(names))
    except RefusedError as refused:
        return await _page(visit, beside(refused, "number"), said)
    return visit.done(PATH, done="line")


def _line(names: Mapping[str, str]) -> tuple[str, str]:
    """The audit log's subject: how the line is named, which is no patient's."""
    named = ", ".join(f"{kind} {value}" for kind, value in names.items())
    return "line", named[:SUBJECT_CHARACTERS_MAX]


async def remove_line(visit: Visit) -> Response:
    kind, value = visit.form.get("kind"), visit.form.get("value")
    await visit.do("line_removed", _line({kind: value}), "remove_line", kind=kind, value=value)
    return visit.done(PATH, done="unmapped")


async def create_key(visit: Visit) -> Response:
    """The page that follows shows it, once."""
    scope, name = visit.form.get("scope"), visit.form.get("name").strip()
    if scope not in SCOPES:
        return await _page(visit, {"scope": "Choose what the key may do."}, {"name": name})
    key = new_key()
    try:
        await visit.do(
            "key_created",
            ("key", None),
            "create_key",
            secret_hash=secret_hash(key),
            scope=scope,
            name=name or None,
        )
    except RefusedError as refused:
        return await _page(visit, beside(refused, "scope"), {"name": name})
    return await _page(visit, key=key)


async def revoke_key(visit: Visit) -> Response:
    key = visit.id("key")
    await visit.do("key_revoked", ("key", key), "revoke_key", key_id=key)
    return visit.done(PATH, done="revoked")


async def set_secret(visit: Visit) -> Response:
    secret = visit.form.get("secret")
    if len(secret) < SECRET_CHARACTERS_MIN:
        wrong = f"A secret has at least {SECRET_CHARACTERS_MIN} characters."
        return await _page(visit, {"secret": wrong})
    try:
        await visit.do(
            "vapi_secret_set",
            ("clinic", visit.clinic.id),
            "set_vapi_secret",
            secret_hash=secret_hash(secret),
        )
    except RefusedError as refused:
        return await _page(visit, beside(refused, "secret"))
    return visit.done(PATH, done="secret")


async def set_hmac(visit: Visit) -> Response:
    key = visit.form.get("hmac_key")
    said = {name: visit.form.get(name) for name in (*HMAC_TEXTS, *HMAC_TICKS)}
    scheme: dict[str, object] = {name: said[name] for name in HMAC_TEXTS if said[name]}
    scheme |= {name: bool(said[name]) for name in HMAC_TICKS}
    if len(key) < SECRET_CHARACTERS_MIN:
        wrong = f"A key has at least {SECRET_CHARACTERS_MIN} characters."
        return await _page(visit, {"hmac_key": wrong}, said)
    try:
        HmacScheme.from_mapping(scheme)
    except ValueError as error:
        return await _page(visit, {"payload_format": f"{error}."}, said)
    await visit.do(
        "hmac_key_set",
        ("clinic", visit.clinic.id),
        "set_hmac_key",
        encrypted_key=visit.services.fernet.encrypt(key.encode("utf-8", "surrogatepass")),
        scheme=json.dumps(scheme),
    )
    return visit.done(PATH, done="hmac")


async def _page(
    visit: Visit,
    errors: Mapping[str, str] | None = None,
    said: Mapping[str, Any] | None = None,
    **more: Any,
) -> Response:
    """`said`: what was written and won't do. Secrets aren't written back."""
    wrong = dict(errors or {})
    defaults = dict.fromkeys((*LINE_NAMES, "name", *HMAC_TEXTS, *HMAC_TICKS), "")
    defaults |= {
        "algorithm": "sha256",
        "signature_header": "x-signature",
        "timestamp_header": "x-timestamp",
        "payload_format": DEFAULT_PAYLOAD_FORMAT,
        "encoding": "hex",
        "include_timestamp": "yes",
    }
    return visit.page(
        "settings/lines.html",
        title="Lines and keys",
        found=await visit.call("list_credentials"),
        server_url=visit.services.base_address(visit.request) + SERVER_PATH,
        line_names=LINE_NAMES,
        scopes=SCOPE_WORDS,
        algorithms=ALGORITHMS,
        encodings=ENCODINGS,
        values=defaults | dict(said or {}),
        **refusal_of(wrong),
        **({"key": None} | more),
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "owner", show),
    Page("POST", f"{PATH}/add", "owner", add_line),
    Page("POST", f"{PATH}/remove", "owner", remove_line),
    Page("POST", f"{PATH}/keys", "owner", create_key),
    Page("POST", f"{PATH}/keys/{{key}}/revoke", "owner", revoke_key),
    Page("POST", f"{PATH}/secret", "owner", set_secret),
    Page("POST", f"{PATH}/hmac", "owner", set_hmac),
]

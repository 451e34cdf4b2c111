"""The headers of conditional and repeatable requests."""

import hashlib
from typing import Annotated, Final

from fastapi import Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import Caller

KEY_CHARACTERS_MAX: Final = 200

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_CHARACTERS_MAX,
        pattern=r"^[ -~]+$",
        description="Makes it safe to send again: the same key and body get the same answer, once "
        "more with `Idempotency-Replayed: true`. A key belongs to its credential and route.",
        examples=["b1f0c9e2-booking-of-tuesday"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^(\*|(W/)?"[0-9]{1,9}")$',
        description="The ETag the change is meant for; 412 when it has changed since.",
        examples=['"3"'],
    ),
]


def wanted_version(if_match: str | None, version: int | None) -> int | None:
    """The version a change is meant for, from the header or the body; None: whatever it is."""
    if if_match is None or if_match == "*":
        return version
    named = int(if_match.removeprefix("W/").strip('"'))
    if version not in (None, named):
        detail = "If-Match and version name different versions."
        raise RefusedError(Outcome.INVALID_ARGUMENTS, detail, {"where": "version"})
    return named


def set_version(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'


def repeatable(caller: Caller, key: str | None, body: BaseModel) -> dict[str, object]:
    """What a SQL function needs to know a request again. The key's own text is not kept."""
    if key is None:
        return {}
    route = _route(caller.request)
    sent = body.model_dump_json(exclude_unset=True)
    return {
        "idempotency_key": "rest:" + _digest(caller.identity, route, key),
        "request_hash": _digest(route, sent),
    }


def note_replay(response: Response, key: str | None, answer: dict[str, object]) -> None:
    """Say so when the answer is that of an earlier request."""
    if key is not None and answer.get("replayed"):
        response.headers["Idempotency-Replayed"] = "true"


def _route(request: Request) -> str:
    return f"{request.method} {request.scope['path']}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

"""Errors as RFC 9457 problem details: one table from outcome to HTTP status, one shape for all."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.authentication import UnauthorizedError
from voxanne.inbound.http import BodyTooLargeError, describe, gone, note
from voxanne.postgres.pool import DatabaseBusyError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1
ERRORS_MAX: Final = 10
FIELD_CHARACTERS_MAX: Final = 60

# UNAUTHORIZED is 401 without a good credential; STALE_VERSION is 412 where If-Match asked for it.
STATUS: Final[Mapping[Outcome, int]] = {
    Outcome.SLOT_UNAVAILABLE: 409,
    Outcome.CALENDAR_STALE: 409,
    Outcome.INVALID_ORGANIZATION: 404,
    Outcome.INVALID_PHONE: 422,
    Outcome.INVALID_EMAIL: 422,
    Outcome.INVALID_NAME: 422,
    Outcome.INVALID_DATE: 422,
    Outcome.INVALID_DURATION: 422,
    Outcome.INVALID_HOURS: 422,
    Outcome.INVALID_TIMEZONE: 422,
    Outcome.INVALID_ARGUMENTS: 422,
    Outcome.DATE_IN_PAST: 422,
    Outcome.NEEDS_CONFIRMATION: 409,
    Outcome.OUTSIDE_HOURS: 409,
    Outcome.TOO_SOON: 409,
    Outcome.TOO_FAR_AHEAD: 409,
    Outcome.UNKNOWN_SERVICE: 404,
    Outcome.UNKNOWN_PRACTITIONER: 404,
    Outcome.UNKNOWN_TOOL: 404,
    Outcome.HOLD_EXPIRED: 409,
    Outcome.NOT_FOUND: 404,
    Outcome.NOT_YOURS: 403,
    Outcome.BUSY: 503,
    Outcome.RATE_LIMITED: 429,
    Outcome.UNAUTHORIZED: 403,
    Outcome.FORBIDDEN_ORGANIZATION: 403,
    Outcome.IDEMPOTENCY_MISMATCH: 422,
    Outcome.LIMIT_REACHED: 409,
    Outcome.STALE_VERSION: 409,
    Outcome.EMERGENCY: 409,
    Outcome.INTERNAL_ERROR: 500,
}
# What a refusal may tell beside its sentence.
DETAILS: Final = ("alternatives", "reason", "needs", "where", "version", "upcoming")
# A value that isn't of its kind is this outcome; of any other field INVALID_ARGUMENTS.
_FIELD_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "scheduled_at": Outcome.INVALID_DATE,
    "from": Outcome.INVALID_DATE,
    "to": Outcome.INVALID_DATE,
    "date_from": Outcome.INVALID_DATE,
    "date_to": Outcome.INVALID_DATE,
    "birth_date": Outcome.INVALID_DATE,
    "duration_minutes": Outcome.INVALID_DURATION,
    "name": Outcome.INVALID_NAME,
    "phone": Outcome.INVALID_PHONE,
    "contact_phone": Outcome.INVALID_PHONE,
    "email": Outcome.INVALID_EMAIL,
    "service_type": Outcome.UNKNOWN_SERVICE,
}
# Pydantic's own sentences that hold nothing of what was sent.
_SAFE_SENTENCES: Final = (
    "missing",
    "literal_error",
    "string_type",
    "string_too_short",
    "string_too_long",
    "int_type",
    "int_parsing",
    "bool_type",
    "bool_parsing",
    "greater_than_equal",
    "less_than_equal",
    "list_type",
    "too_long",
    "value_error",  # our own
)


class RefusedError(Exception):
    """The request is refused: an outcome, a sentence, and what else may be told."""

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        details: Mapping[str, object] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.detail = detail
        self.details = details or {}
        self.status = status or STATUS[outcome]
        self.headers = headers or {}

    @classmethod
    def by(cls, refusal: Mapping[str, Any]) -> "RefusedError":
        """As a SQL function put it."""
        told = {name: refusal[name] for name in DETAILS if refusal.get(name) is not None}
        return cls(Outcome(refusal["error"]), refusal["message"], told)


class Alternative(BaseModel):
    """A free time near the one that was refused."""

    starts_at: str
    ends_at: str
    practitioner_id: str
    practitioner_name: str | None


class InvalidField(BaseModel):
    where: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is the outcome; a program decides by it alone."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str = Field(description="Where the outcome is explained, relative to this server.")
    title: str
    status: int
    code: Outcome
    detail: str = Field(description="A sentence for people. Never holds what was sent.")
    alternatives: list[Alternative] | None = Field(None, description="The nearest free times.")
    reason: str | None = Field(None, description="Why nobody is there: closed, holiday, break, …")
    needs: str | None = Field(None, description="What must be given as well: name, birth_date.")
    where: str | None = Field(None, description="Which value it is about: hours[2].closes.")
    version: int | None = Field(None, description="The version as it is now.")
    upcoming: int | None = Field(None, description="How many appointments it would concern.")
    errors: list[InvalidField] | None = Field(None, description="Every value that won't do.")


def problem_of(request: Request, error: Exception) -> Response:
    """Whatever went wrong, as an answer. A bug is logged by its type and place alone."""
    match error:
        case RefusedError(outcome=Outcome.STALE_VERSION) if "if-match" in request.headers:
            error.status = 412
        case RefusedError():
            pass
        case RequestValidationError():
            error = _invalid(error)
        case HTTPException():
            error = _refused_by_framework(error)
        case UnauthorizedError():
            error = RefusedError(
                Outcome.UNAUTHORIZED,
                "The credential is missing or wrong.",
                status=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        case BodyTooLargeError():
            error = RefusedError(
                Outcome.INVALID_ARGUMENTS,
                "The request's body is over the limit.",
                status=413,
                headers={"Connection": "close"},
            )
        case DatabaseBusyError() | TimeoutError():
            error = RefusedError(
                Outcome.BUSY,
                "The database is not answering.",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        case ClientDisconnect():
            return gone()
        case _:
            note(request, bug=describe(error))
            error = RefusedError(Outcome.INTERNAL_ERROR, "Something went wrong on our side.")
    note(request, outcome=error.outcome)
    return JSONResponse(
        {
            "type": f"/docs#{error.outcome}",
            "title": title_of(error.outcome),
            "status": error.status,
            "code": error.outcome,
            "detail": error.detail,
            **error.details,
        },
        error.status,
        headers=dict(error.headers),
        media_type=MEDIA_TYPE,
    )


def title_of(outcome: Outcome) -> str:
    return outcome.replace("_", " ").capitalize()


def _refused_by_framework(error: HTTPException) -> RefusedError:
    """No such path, another method, a body that can't be read."""
    outcome, detail = {
        404: (Outcome.NOT_FOUND, "There is no such page."),
        405: (Outcome.INVALID_ARGUMENTS, "This can't be done here: see the header Allow."),
    }.get(error.status_code, (Outcome.INVALID_ARGUMENTS, "The body can't be read."))
    return RefusedError(outcome, detail, status=error.status_code, headers=error.headers)


def _invalid(error: RequestValidationError) -> RefusedError:
    """Which values won't do and why, without a word of what they were."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return RefusedError(Outcome.INVALID_ARGUMENTS, "The body is not JSON.", status=400)
    errors = [
        {"where": _path(each["loc"]), "message": _sentence(each)} for each in found[:ERRORS_MAX]
    ]
    outcome = Outcome.INVALID_ARGUMENTS
    if found[0]["type"] != "extra_forbidden":
        outcome = _FIELD_OUTCOMES.get(str(found[0]["loc"][-1]), outcome)
    first = errors[0]
    detail = f"{first['where']}: {first['message']}"
    return RefusedError(outcome, detail, {"where": first["where"], "errors": errors})


def _path(location: Iterable[int | str]) -> str:
    """`("body", "hours", 2, "closes")` as `hours[2].closes`; a query's or header's name alone."""
    kind, *names = location
    path = ""
    for name in names:
        if isinstance(name, int):
            path += f"[{name}]"
        else:
            path += f".{name[:FIELD_CHARACTERS_MAX]}"
    return path.removeprefix(".") or str(kind)


def _sentence(found: Mapping[str, Any]) -> str:
    if found["type"] == "extra_forbidden":
        return "There is no such field."
    if found["type"] in _SAFE_SENTENCES:
        return str(found["msg"]).removeprefix("Value error, ")
    return "It is not of its kind."


def problems(
    *outcomes: Outcome, body: bool = False, cursor: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, for OpenAPI: what every route may answer, and these.

    `body`, `cursor`: the operation reads one, which may be unreadable.
    """
    by_status: dict[int, list[Outcome]] = {
        401: [Outcome.UNAUTHORIZED],
        403: [Outcome.UNAUTHORIZED],
        404: [Outcome.INVALID_ORGANIZATION],
        422: [Outcome.INVALID_ARGUMENTS],
        429: [Outcome.RATE_LIMITED],
        500: [Outcome.INTERNAL_ERROR],
        503: [Outcome.BUSY],
    }
    if body or cursor:
        by_status[400] = [Outcome.INVALID_ARGUMENTS]
    if body:
        by_status[413] = [Outcome.INVALID_ARGUMENTS]
    for outcome in outcomes:
        codes = by_status.setdefault(STATUS[outcome], [])
        if outcome not in codes:
            codes.append(outcome)
    if Outcome.STALE_VERSION in outcomes:
        by_status[412] = [Outcome.STALE_VERSION]
    return {status: _described(status, codes) for status, codes in sorted(by_status.items())}


def _described(status: int, outcomes: list[Outcome]) -> dict[str, Any]:
    examples = {outcome: {"value": _example(status, outcome)} for outcome in outcomes}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": ", ".join(outcomes),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _example(status: int, outcome: Outcome) -> dict[str, object]:
    return {
        "type": f"/docs#{outcome}",
        "title": title_of(outcome),
        "status": status,
        "code": outcome,
        "detail": f"{title_of(outcome)}.",
    }

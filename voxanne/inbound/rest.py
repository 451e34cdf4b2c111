"""`POST /rest/v1/rpc/book_appointment_atomic`, as PostgREST and so Supabase's clients call it.

The function's own JSON comes back with HTTP 200, refusals included. What PostgREST would refuse
before calling (no JSON, an unknown parameter) is refused with its error shape, which the clients
raise as an error.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxanne.booking import functions
from voxanne.booking.normalize import is_clean, normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Credential
from voxanne.inbound.authentication import Authenticator, UnauthorizedError, identity_of
from voxanne.inbound.http import lower_headers, note, post, read_body
from voxanne.inbound.metrics import SUCCESS, Metrics
from voxanne.inbound.rates import Rates
from voxanne.language.speech import locale_for
from voxanne.postgres.pool import DatabaseBusyError

FUNCTION: Final = "book_appointment_atomic"
REQUIRED: Final = (
    "p_patient_name",
    "p_patient_phone",
    "p_service_type",
    "p_scheduled_at",
)
# Parameter → the type its JSON value must have. p_source is the credential's to say.
PARAMETERS: Final[dict[str, type]] = {
    "p_org_id": UUID,
    "p_patient_name": str,
    "p_patient_email": str,
    "p_patient_phone": str,
    "p_service_type": str,
    "p_scheduled_at": datetime,
    "p_duration_minutes": int,
    "p_practitioner_id": UUID,
    "p_room_id": UUID,
    "p_idempotency_key": str,
    "p_call_id": str,
    "p_contact_phone": str,
    "p_allow_overlap": bool,
    "p_overlap_reason": str,
    "p_metadata": dict,
    "p_hold_id": UUID,
    "p_birth_date": date,
    "p_alternatives": int,
}


class InvalidParameterError(ValueError):
    """A parameter's value is not of its type; `outcome` says which refusal it is."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


@dataclass(frozen=True, slots=True)
class RpcEndpoint:
    """The one remote procedure. `wait_seconds`: longest wait for the database in one request."""

    database: functions.Database
    authenticator: Authenticator
    metrics: Metrics
    body_bytes_max: int
    wait_seconds: float
    rates: Rates

    def routes(self) -> list[Route]:
        return [post("/rest/v1/rpc/{function}", self.handle)]

    async def handle(self, request: Request) -> Response:
        body = await read_body(request, self.body_bytes_max)
        try:
            async with asyncio.timeout(self.wait_seconds):
                headers = lower_headers(request)
                credential = await self.authenticator.program_credential(headers)
                asker = (credential.organization, identity_of(headers))
                seconds = self.rates.credentials.take(asker)
                if seconds:
                    self.metrics.bookings.labels(Outcome.RATE_LIMITED).inc()
                    return _too_many(seconds)
                return await self._call(request, credential, body)
        except UnauthorizedError:
            return _postgrest_error(401, Outcome.UNAUTHORIZED, "The credential is missing or wrong")
        except (DatabaseBusyError, TimeoutError):
            self.metrics.bookings.labels(Outcome.BUSY).inc()
            return _postgrest_error(503, Outcome.BUSY, "The database is not answering; try again")

    async def _call(self, request: Request, credential: Credential, body: bytes) -> Response:
        if request.path_params["function"] != FUNCTION:
            return _postgrest_error(404, "PGRST202", "There is no such function here")
        try:
            parameters = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return _postgrest_error(400, "PGRST102", "The body is not JSON")
        if not isinstance(parameters, dict):
            return _postgrest_error(400, "PGRST102", "The body must be a JSON object")
        unknown = sorted(parameters.keys() - PARAMETERS.keys())
        missing = [name for name in REQUIRED if name not in parameters]
        if unknown or missing:
            return _postgrest_error(404, "PGRST202", _signature_detail(unknown, missing))
        result = await self._book(credential, parameters)
        outcome = SUCCESS if result["success"] else str(result["error"])
        self.metrics.bookings.labels(outcome).inc()
        note(request, org_id=str(credential.organization), tool=FUNCTION, outcome=outcome)
        return JSONResponse(result)

    async def _book(
        self, credential: Credential, parameters: dict[str, object]
    ) -> dict[str, object]:
        try:
            arguments = {name: read(name, value) for name, value in parameters.items()}
        except InvalidParameterError as error:
            return _refusal(error.outcome, error.detail)
        wanted = arguments["p_org_id"] = arguments.get("p_org_id") or credential.organization
        if wanted != credential.organization or credential.scope == "read_only":
            outcome = Outcome.FORBIDDEN_ORGANIZATION
            if wanted == credential.organization:
                outcome = Outcome.UNAUTHORIZED
            return _refusal(outcome, "The credential may not book for this organization")
        try:
            await self._read_phones(credential, arguments)
        except InvalidParameterError as error:
            return _refusal(error.outcome, error.detail)
        arguments["p_source"] = "staff" if credential.scope in ("staff", "admin") else "rpc"
        arguments.setdefault("p_patient_email", None)
        arguments.setdefault("p_duration_minutes", None)
        return await functions.call_book_appointment(self.database, arguments)

    async def _read_phones(self, credential: Credential, arguments: dict[str, object]) -> None:
        """Read the numbers with the clinic's region. Raises InvalidParameterError."""
        clinic = await self.authenticator.clinic(credential.organization)
        if clinic is None:
            return
        region = locale_for(clinic.country, clinic.timezone)[1]
        for name in ("p_patient_phone", "p_contact_phone"):
            said = arguments.get(name)
            if not isinstance(said, str) or (name == "p_contact_phone" and not said):
                continue
            phone = normalize_phone(said, region)
            if phone is None:
                raise InvalidParameterError(Outcome.INVALID_PHONE, f"{name} is not a phone number")
            arguments[name] = phone.e164
            if name == "p_patient_phone":
                arguments["p_phone_verified"] = phone.verified


def read(name: str, value: object) -> object:
    """The parameter as PostgreSQL takes it. Raises InvalidParameterError."""
    wanted = PARAMETERS[name]
    if value is None:
        return None
    try:
        if wanted is UUID:
            return UUID(str(value))
        if wanted is datetime:
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo is None:
                raise ValueError("no offset")
            return moment.astimezone(UTC)
        if wanted is date:
            return date.fromisoformat(str(value))
    except (ValueError, OverflowError):
        outcome = Outcome.INVALID_DATE if wanted is datetime else Outcome.INVALID_ARGUMENTS
        if name == "p_org_id":
            outcome = Outcome.INVALID_ORGANIZATION
        raise InvalidParameterError(outcome, f"{name} is not a valid {_label(wanted)}") from None
    if (wanted is int and isinstance(value, bool)) or not isinstance(value, wanted):
        raise InvalidParameterError(_outcome(name), f"{name} is not a valid {_label(wanted)}")
    if wanted is int and not -(2**31) <= int(str(value)) < 2**31:
        raise InvalidParameterError(_outcome(name), f"{name} is out of range")
    if not all(is_clean(text) for text in _texts(value)):
        raise InvalidParameterError(_outcome(name), f"{name} holds characters that can't be stored")
    if wanted is not dict:
        return value
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        detail = f"{name} holds a number beyond all numbers"
        raise InvalidParameterError(Outcome.INVALID_ARGUMENTS, detail) from None


def _texts(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys included. Its depth was bounded when it was parsed."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)


def _refuse_constant(name: str) -> object:
    """NaN and Infinity, which Python would read, are no JSON."""
    raise ValueError(f"{name} is not JSON")


def _refusal(outcome: Outcome, message: str) -> dict[str, object]:
    """A refusal in the function's own shape, for what never reaches it."""
    moment = datetime.now(UTC).isoformat()
    return {"success": False, "error": outcome, "message": message, "created_at": moment}


_OUTCOMES: Final = {
    "p_patient_name": Outcome.INVALID_NAME,
    "p_patient_email": Outcome.INVALID_EMAIL,
    "p_patient_phone": Outcome.INVALID_PHONE,
    "p_contact_phone": Outcome.INVALID_PHONE,
    "p_service_type": Outcome.UNKNOWN_SERVICE,
    "p_duration_minutes": Outcome.INVALID_DURATION,
}


def _outcome(name: str) -> Outcome:
    """The refusal of a parameter whose value is of no use."""
    return _OUTCOMES.get(name, Outcome.INVALID_ARGUMENTS)


def _label(wanted: type) -> str:
    return {UUID: "UUID", datetime: "time with offset", dict: "object"}.get(wanted, wanted.__name__)


def _signature_detail(unknown: list[str], missing: list[str]) -> str:
    parts = []
    if unknown:
        named = ", ".join(name[:60] for name in unknown[:10])
        # JSON may name a lone surrogate, which no answer can carry.
        parts.append("unknown: " + named.encode("utf-8", "replace").decode())
    if missing:
        parts.append("missing: " + ", ".join(missing))
    return f"No {FUNCTION} takes these parameters ({'; '.join(parts)})"


def _too_many(seconds: int) -> JSONResponse:
    answer = _postgrest_error(429, Outcome.RATE_LIMITED, "That was too much at once; try again")
    answer.headers["retry-after"] = str(seconds)
    return answer


def _postgrest_error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "details": None, "hint": None}, status)

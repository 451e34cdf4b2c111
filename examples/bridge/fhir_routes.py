"""`/fhir`: reads and searches, answered from `/v1` as it is now. Nothing is kept here."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import httpx2
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from examples.bridge import fhir

JSON: Final = "application/fhir+json"
DAYS_DEFAULT: Final = 7
COUNT_DEFAULT: Final = 50
COUNT_MAX: Final = 200
AVAILABILITY_DAYS_MAX: Final = 90
Count = Annotated[int, Query(alias="_count", ge=1, le=COUNT_MAX)]
_BOUND = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))?)")
_BACK = {fhir_status: ours for ours, fhir_status in reversed(fhir.STATUSES.items())}


class RefusedError(Exception):
    """`status`: HTTP's. `code`: FHIR's type of issue."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


def refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RefusedError):
        error = RefusedError(400, "invalid", "A parameter is none that can be read.")
    found = fhir.refusal(error.code, error.text)
    return JSONResponse(found, error.status, media_type=JSON)


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers from `/v1`. `token`: what whoever asks shows as Bearer. `voxanne`: a client on its
    address; its key may be of scope `read_only`.
    """

    voxanne: httpx2.AsyncClient
    token: str

    def routes(self) -> APIRouter:
        routes = APIRouter(prefix="/fhir")
        routes.add_api_route("/metadata", self.capabilities)
        admitted = [Depends(self.admit)]
        routes.add_api_route("/Appointment", self.appointments, dependencies=admitted)
        one = "/Appointment/{appointment_id}"
        routes.add_api_route(one, self.appointment, dependencies=admitted)
        routes.add_api_route("/Slot", self.slots, dependencies=admitted)
        return routes

    def admit(self, request: Request) -> None:
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(said.encode(), self.token.encode()):
            raise RefusedError(401, "login", "The token is missing or wrong.")

    async def capabilities(self, request: Request) -> JSONResponse:
        return _shown(fhir.capabilities(_base(request), datetime.now(UTC)))

    async def appointment(self, appointment_id: UUID) -> JSONResponse:
        return _shown(fhir.appointment(await self._ask(f"/v1/appointments/{appointment_id}")))

    async def appointments(
        self,
        request: Request,
        date: Annotated[list[str], Query()] = [],  # noqa: B006 (FastAPI copies it)
        practitioner: str | None = None,
        status: str | None = None,
        count: Count = COUNT_DEFAULT,
        cursor: str | None = None,
    ) -> JSONResponse:
        begin, end = bounds(date)
        page = await self._ask(
            "/v1/appointments",
            {
                "from": begin,
                "to": end,
                "limit": count,
                "cursor": cursor,
                "practitioner_id": practitioner and practitioner.removeprefix("Practitioner/"),
                "status": status and _ours(status),
            },
        )
        found = [fhir.appointment(shown) for shown in page["items"]]
        onwards = []
        if page["next_cursor"]:
            # A cursor is good for the very range it was made in, which may have begun "now".
            onwards = [*_between("date", begin, end), ("cursor", page["next_cursor"])]
        return _shown(_page(request, found, onwards))

    async def slots(
        self,
        request: Request,
        start: Annotated[list[str], Query()] = [],  # noqa: B006
        schedule: str | None = None,
        service: Annotated[str, Query(alias="service-type")] = "consultation",
        status: str = "free",
        count: Count = COUNT_DEFAULT,
    ) -> JSONResponse:
        if status != "free":
            raise RefusedError(400, "not-supported", "Only free slots are known here.")
        begin, end = bounds(start)
        latest = datetime.fromisoformat(begin) + timedelta(days=AVAILABILITY_DAYS_MAX)
        end = min(end, latest.isoformat())
        answer = await self._ask(
            "/v1/availability",
            {
                "from": begin,
                "to": end,
                "service_type": service,
                "limit": count,
                "practitioner_id": schedule and schedule.removeprefix("Schedule/"),
            },
        )
        found = [fhir.slot(each, service) for each in answer["slots"]]
        onwards = _between("start", answer["next_from"], end) if answer["next_from"] else []
        return _shown(_page(request, found, onwards))

    async def _ask(self, path: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises RefusedError, in FHIR's words."""
        given = {name: value for name, value in (wanted or {}).items() if value is not None}
        try:
            answer = await self.voxanne.get(path, params=given)
        except httpx2.HTTPError:
            raise RefusedError(503, "transient", "The diary can't be reached. Try again.") from None
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        if answer.status_code == httpx2.codes.NOT_FOUND:
            raise RefusedError(404, "not-found", "There is nothing of that id.")
        if answer.status_code in (400, 422):
            raise RefusedError(400, "invalid", answer.json()["detail"])
        raise RefusedError(503, "transient", "The diary can't be read now. Try again.")


def bounds(said: list[str], now: datetime | None = None) -> tuple[str, str]:
    """From and to (RFC 3339, UTC) of FHIR's prefixed dates; a date without a time is UTC's day.
    Without a bound: from now, for DAYS_DEFAULT days. Raises RefusedError.
    """
    begin: datetime | None = None
    end: datetime | None = None
    for each in said:
        matched = _BOUND.fullmatch(each)
        if matched is None:
            raise RefusedError(400, "invalid", f"This is no date with a prefix: {each[:40]}")
        prefix, moment = matched[1] or "eq", _moment(matched[2])
        length = timedelta(days=1) if "T" not in matched[2] else timedelta(microseconds=1)
        if prefix in ("eq", "ge", "gt"):
            begin = moment + length if prefix == "gt" else moment
        if prefix in ("eq", "le", "lt"):
            end = moment if prefix == "lt" else moment + length
    begin = begin or (min(now or datetime.now(UTC), end) if end else now or datetime.now(UTC))
    end = end or begin + timedelta(days=DAYS_DEFAULT)
    if end <= begin:
        raise RefusedError(400, "invalid", "The range ends before it begins.")
    return begin.isoformat(), end.isoformat()


def _moment(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise RefusedError(400, "invalid", "There is no such date.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _ours(status: str) -> str:
    if status not in _BACK:
        raise RefusedError(400, "code-invalid", "The status is none that an appointment has here.")
    return _BACK[status]


def _page(
    request: Request, found: list[fhir.Resource], onwards: list[tuple[str, str]]
) -> fhir.Resource:
    """`onwards`: what the next page's address says instead; nothing where this is the last."""
    ahead = None
    if onwards:
        replaced = {name for name, _ in onwards}
        kept = [pair for pair in request.query_params.multi_items() if pair[0] not in replaced]
        query = str(httpx2.QueryParams([*kept, *onwards]))
        ahead = str(request.url.replace(query=query))
    return fhir.bundle(found, _base(request), str(request.url), ahead)


def _between(name: str, begin: str, end: str) -> list[tuple[str, str]]:
    return [(name, f"ge{begin}"), (name, f"lt{end}")]


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + "/fhir"


def _shown(resource: fhir.Resource) -> JSONResponse:
    return JSONResponse(resource, media_type=JSON, headers={"Cache-Control": "no-store"})

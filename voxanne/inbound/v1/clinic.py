"""How the clinic works: its people, services, rooms and hours, and the document they come from."""

import json
from typing import Annotated, Any, Final

from fastapi import Body, Query, Response

from voxanne.booking.normalize import is_clean
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.clinic_schemas import (
    Configuration,
    Configured,
    DescribedBy,
    Hours,
    Practitioners,
    Rooms,
    ServicesOffered,
)
from voxanne.inbound.v1.headers import IfMatch, set_version, wanted_version
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.security import Caller

_REFUSALS: Final = (
    Outcome.INVALID_HOURS,
    Outcome.INVALID_TIMEZONE,
    Outcome.INVALID_DURATION,
    Outcome.UNKNOWN_SERVICE,
    Outcome.UNKNOWN_PRACTITIONER,
    Outcome.STALE_VERSION,
    Outcome.NEEDS_CONFIRMATION,
)
Document = Annotated[dict[str, Any], DescribedBy(Configuration), Body()]
Changes = Annotated[
    dict[str, Any],
    DescribedBy(Configuration, partly=True),
    Body(examples=[{"version": 3, "notice_minutes": 120}]),
]
DryRun = Annotated[bool, Query(description="Only tell what would change.")]
Confirmed = Annotated[
    bool, Query(description="Change the zone although appointments are booked in the old one.")
]

routes = router("clinic")


@routes.get("/v1/practitioners", summary="List the practitioners", responses=problems())
async def list_practitioners(caller: CallerHere, response: Response) -> Practitioners:
    """All of them: there are never so many that it would take pages."""
    found = await _configuration(caller, response)
    return Practitioners.model_validate({**found, "items": found["practitioners"]})


@routes.get("/v1/services", summary="List the services", responses=problems())
async def list_services(caller: CallerHere, response: Response) -> ServicesOffered:
    """All of them. A clinic that lists none takes any."""
    found = await _configuration(caller, response)
    return ServicesOffered.model_validate({**found, "items": found["services"]})


@routes.get("/v1/rooms", summary="List the rooms", responses=problems())
async def list_rooms(caller: CallerHere, response: Response) -> Rooms:
    """All of them."""
    found = await _configuration(caller, response)
    return Rooms.model_validate({**found, "items": found["rooms"]})


@routes.get("/v1/hours", summary="Read hours, breaks and exceptions", responses=problems())
async def read_hours(caller: CallerHere, response: Response) -> Hours:
    """Absences are in the configuration alone."""
    return Hours.model_validate(await _configuration(caller, response))


@routes.get("/v1/clinic", summary="Read the configuration", responses=problems())
async def read(caller: CallerHere, response: Response) -> Configuration:
    return Configuration.model_validate(await _configuration(caller, response))


@routes.put(
    "/v1/clinic", summary="Replace the configuration", responses=problems(*_REFUSALS, body=True)
)
async def replace(
    document: Document,
    caller: CallerHere,
    response: Response,
    dry_run: DryRun = False,
    confirmed: Confirmed = False,
    if_match: IfMatch = None,
) -> Configured:
    """The whole document, as GET shows it: a section that is missing is refused. Who or what it
    lacks becomes inactive; appointments stay as they are.
    """
    missing = [name for name in Configuration.model_fields if name not in document]
    if missing and missing != ["version"]:
        name = next(name for name in missing if name != "version")
        detail = f"{name} is missing. PATCH changes single sections."
        raise RefusedError(Outcome.INVALID_ARGUMENTS, detail, {"where": name})
    return await _configure(caller, response, document, dry_run, confirmed, if_match)


@routes.patch(
    "/v1/clinic",
    summary="Change parts of the configuration",
    responses=problems(*_REFUSALS, body=True),
)
async def change(
    document: Changes,
    caller: CallerHere,
    response: Response,
    dry_run: DryRun = False,
    confirmed: Confirmed = False,
    if_match: IfMatch = None,
) -> Configured:
    """Sections that are in the document replace, others stay."""
    return await _configure(caller, response, document, dry_run, confirmed, if_match)


async def _configuration(caller: Caller, response: Response) -> dict[str, Any]:
    found = await caller.call("clinic_configuration")
    set_version(response, found["version"])
    return found


async def _configure(
    caller: Caller,
    response: Response,
    document: dict[str, Any],
    dry_run: bool,
    confirmed: bool,
    if_match: str | None,
) -> Configured:
    answer = await caller.call(
        "configure_clinic",
        document=_stored(document),
        version=wanted_version(if_match, None),
        dry_run=dry_run,
        confirmed=confirmed,
        source=caller.source,
    )
    set_version(response, answer["version"])
    return Configured.model_validate(answer)


def _stored(document: dict[str, Any]) -> str:
    """The document as PostgreSQL takes it. Raises RefusedError for what it can't hold."""
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    except ValueError:
        text = "\x00"
    if "\\u0000" in text or not is_clean(text):
        detail = "The document holds a character or a number that can't be stored."
        raise RefusedError(Outcome.INVALID_ARGUMENTS, detail)
    return text

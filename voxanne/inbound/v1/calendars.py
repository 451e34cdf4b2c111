"""The clinic's calendars: connect one at Google, see how they are, take one away."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from voxanne.booking.normalize import is_clean
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Sent, Shown, examples

routes = router("calendars")
NOT_SET_UP = "Google isn't set up here: VOXANNE_GOOGLE_CLIENT_ID and VOXANNE_GOOGLE_CLIENT_SECRET."


def _clean(said: str) -> str:
    if not is_clean(said):
        raise ValueError("It holds characters that can't be used.")
    return said


CalendarId = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_clean)]


class NewConsent(Sent):
    model_config = examples({"practitioner_id": ID_EXAMPLE, "calendar": "primary"})

    practitioner_id: Id | None = Field(
        None, description="Whose it is; without it, everybody's who has none of their own."
    )
    calendar: CalendarId = Field(
        "primary",
        description="Its id, from Google's calendar settings; primary: the account's own.",
    )


class Consent(Shown):
    model_config = examples(
        {
            "url": "https://accounts.google.com/o/oauth2/v2/auth?client_id=…&state=…",
            "expires_at": "2027-05-20T09:45:00Z",
        }
    )

    url: str = Field(description="Where whoever owns the calendar gives consent, once.")
    expires_at: datetime


class Calendar(Shown):
    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "practitioner_id": "5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a",
            "practitioner_name": "Dr Amara Chen",
            "vendor": "google",
            "calendar": "primary",
            "account": None,
            "status": "connected",
            "error_code": None,
            "error": None,
            "synced_at": "2027-05-20T09:29:00Z",
            "age_seconds": 60,
            "stale": False,
            "connected_at": "2027-05-01T12:00:00Z",
        }
    )

    id: UUID
    practitioner_id: UUID | None = Field(description="None: everybody's who has none of their own.")
    practitioner_name: str | None
    vendor: Literal["google", "caldav"]
    calendar: str
    account: str | None
    status: Literal["connected", "broken"] = Field(
        description="broken: connect it again; what waits for it is delivered then."
    )
    error_code: str | None
    error: str | None = Field(description="What is wrong, in plain words.")
    synced_at: datetime | None = Field(description="When it was last read to the end.")
    age_seconds: int | None
    stale: bool = Field(description="It wasn't read for longer than the clinic allows.")
    connected_at: datetime


class Calendars(Shown):
    items: list[Calendar]


@routes.post(
    "/v1/calendars/google/connect",
    status_code=201,
    summary="Ask for a way to connect a Google Calendar",
    responses=problems(Outcome.UNKNOWN_PRACTITIONER, Outcome.INVALID_ORGANIZATION, body=True),
)
async def connect_google(body: NewConsent, caller: CallerHere) -> Consent:
    """Open the address in a browser within a quarter of an hour; it is good once."""
    services = caller.services
    if services.google is None:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, NOT_SET_UP)
    answer = await services.google.begin(
        services.database,
        services.fernet,
        caller.credential.organization,
        body.practitioner_id,
        body.calendar,
    )
    if not answer["success"]:
        raise RefusedError.by(answer)
    return Consent.model_validate(answer)


@routes.get("/v1/calendars", summary="List the calendars and how they are", responses=problems())
async def list_calendars(caller: CallerHere) -> Calendars:
    answer = await caller.call("list_calendars")
    return Calendars.model_validate({"items": answer["calendars"]})


@routes.delete(
    "/v1/calendars/{calendar_id}",
    status_code=204,
    summary="Disconnect a calendar",
    responses=problems(Outcome.NOT_FOUND),
)
async def disconnect(calendar_id: Id, caller: CallerHere) -> None:
    """Its credentials are forgotten. The events that are in it stay there."""
    await caller.call("disconnect_calendar", connection_id=calendar_id)

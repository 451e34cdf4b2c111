"""Calendar feeds: a practitioner's appointments at an address that a calendar program reads."""

from datetime import datetime
from uuid import UUID

from fastapi import Response
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.calendar_feed import feed_address
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Shown, examples

routes = router("calendars")


class Feed(Shown):
    model_config = examples(
        {
            "practitioner_id": ID_EXAMPLE,
            "practitioner_name": "Dr Amara Chen",
            "url": "https://voice.example.com/calendar/jD5cRZ0wJm8Yx4v2s6bqXg7Tn1hKp3uE9fLaMzCoQiW.ics",
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    practitioner_id: UUID
    practitioner_name: str
    url: str = Field(description="Whoever has it can read the calendar. It is shown only now.")
    created_at: datetime


@routes.post(
    "/v1/practitioners/{practitioner_id}/feed",
    status_code=201,
    summary="Give a practitioner's calendar feed a new address",
    responses=problems(Outcome.UNKNOWN_PRACTITIONER),
)
async def open_feed(practitioner_id: Id, caller: CallerHere, response: Response) -> Feed:
    """An earlier address can't be read any more."""
    token = new_token()
    answer = await caller.call(
        "open_calendar_feed", practitioner_id=practitioner_id, token_hash=token_hash(token)
    )
    response.headers["Cache-Control"] = "no-store"
    return Feed.model_validate({**answer, "url": feed_address(caller.base_address, token)})


@routes.delete(
    "/v1/practitioners/{practitioner_id}/feed",
    status_code=204,
    summary="Close a practitioner's calendar feed",
    responses=problems(Outcome.NOT_FOUND),
)
async def close_feed(practitioner_id: Id, caller: CallerHere) -> None:
    """Its address can't be read any more."""
    await caller.call("close_calendar_feed", practitioner_id=practitioner_id)

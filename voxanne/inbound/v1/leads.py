"""The people a clinic knows, each by a phone number and a name."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field, model_validator

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.headers import IfMatch, set_version, wanted_version
from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    Day,
    Email,
    Id,
    Name,
    PhoneSaid,
    Shown,
    Versioned,
    examples,
)

routes = router("leads")


class LeadChanges(Versioned):
    """What changes. Null takes an e-mail address or a birth date away."""

    model_config = examples({"email": "maya.okafor@example.com", "version": 1})

    name: Name | None = None
    email: Email | None = None
    birth_date: Day | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "LeadChanges":
        if not self.model_fields_set - {"version"}:
            raise ValueError("Nothing in it changes the lead.")
        return self


class Lead(Shown):
    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "name": "Maya Okafor",
            "phone": "+447700900123",
            "phone_verified": False,
            "email": None,
            "birth_date": None,
            "status": "pending",
            "merged_into": None,
            "score": 65,
            "tier": "warm",
            "version": 1,
            "created_at": "2027-05-20T09:30:00Z",
            "updated_at": "2027-05-20T09:30:00Z",
        }
    )

    id: UUID
    name: str
    phone: str
    phone_verified: bool
    email: str | None
    birth_date: date | None
    status: str
    merged_into: UUID | None = Field(
        description="The lead that staff merged this one into: they are one person."
    )
    score: int | None = Field(description="0 to 100; null: not scored yet.")
    tier: Literal["hot", "warm", "cold"] | None
    version: int
    created_at: datetime
    updated_at: datetime


_LISTED: Final = Listing("list_leads", Lead, {"after_id": ("id", UUID)})


@routes.get(
    "/v1/leads",
    response_model=Page[Lead],
    summary="List the people",
    responses=problems(Outcome.INVALID_PHONE, cursor=True),
)
async def list_leads(
    caller: CallerHere,
    phone: Annotated[
        PhoneSaid | None, Query(description="Those of this number; write + as %2B.")
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """In the order of their ids."""
    number = (await caller.phone(phone)).e164 if phone is not None else None
    return await _LISTED.page(caller, cursor, limit, phone=number)


@routes.get("/v1/leads/{lead_id}", summary="Read one person", responses=problems(Outcome.NOT_FOUND))
async def read(lead_id: Id, caller: CallerHere, response: Response) -> Lead:
    (found,) = (await caller.call("list_leads", lead_id=lead_id))["items"]
    lead = Lead.model_validate(found)
    set_version(response, lead.version)
    return lead


@routes.patch(
    "/v1/leads/{lead_id}",
    summary="Correct a person's details",
    responses=problems(
        Outcome.NOT_FOUND,
        Outcome.STALE_VERSION,
        Outcome.INVALID_NAME,
        Outcome.INVALID_EMAIL,
        Outcome.INVALID_DATE,
        Outcome.NEEDS_CONFIRMATION,
        body=True,
    ),
)
async def change(
    lead_id: Id,
    body: LeadChanges,
    caller: CallerHere,
    response: Response,
    if_match: IfMatch = None,
) -> Lead:
    """The number stays: somebody with another number is another lead. `NEEDS_CONFIRMATION` when the
    number has somebody of the new name already.
    """
    changes = body.model_dump_json(exclude_unset=True, exclude={"version"})
    try:
        answer = await caller.call(
            "save_lead",
            lead_id=lead_id,
            changes=changes,
            version=wanted_version(if_match, body.version),
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.NEEDS_CONFIRMATION:
            refused.detail = "The number has somebody of this name already."
        raise
    lead = Lead.model_validate(answer["lead"])
    set_version(response, lead.version)
    return lead

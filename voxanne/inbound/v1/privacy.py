"""A person's data out, or gone."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from voxanne.booking import functions
from voxanne.booking.exporting import whole_export
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Shown, examples
from voxanne.inbound.v1.security import Caller

routes = router("leads")


class Export(Shown):
    """Everything that is held about a person. docs/reference/person-export.md has each field."""

    model_config = examples(
        {
            "schema": "voxanne.person-export",
            "schema_version": 1,
            "exported_at": "2027-05-20T09:30:00Z",
            "organization": {
                "id": ID_EXAMPLE,
                "name": "Harbor Dental",
                "timezone": "Europe/London",
            },
            "lead_id": ID_EXAMPLE,
            "people": [{"id": ID_EXAMPLE, "name": "Maya Okafor", "phone": "+447700900123"}],
            "numbers": {"own": ["+447700900123"], "shared": []},
            "appointments": [],
            "waitlist": [],
            "changes": [],
            "scores": [],
            "texts": [],
            "messages": [],
            "notes": [],
            "consents": [],
            "calls": [],
        }
    )

    schema_: str = Field(alias="schema")
    schema_version: int
    exported_at: str
    organization: dict[str, Any]
    lead_id: str
    people: list[dict[str, Any]]
    numbers: dict[str, list[str]]
    appointments: list[dict[str, Any]]
    waitlist: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    texts: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    calls: list[dict[str, Any]]


class Outside(Shown):
    count: int
    ids: list[str] = Field(description="The vendor's own, at most 1,000.")


class CalendarEntries(Shown):
    queued: int = Field(description="Being taken out by themselves.")
    unreachable: int = Field(description="May be in a calendar that is connected no longer.")


class Elsewhere(Shown):
    """What is left to do where Voxanne doesn't reach."""

    voice_platform: Outside
    sms_vendor: Outside
    emails: int
    calendars: CalendarEntries


class Erasure(Shown):
    """The receipt: numbers, and no name."""

    model_config = examples(
        {
            "erasure_id": ID_EXAMPLE,
            "lead_id": ID_EXAMPLE,
            "counts": {"people": 1, "appointments": 3, "cancelled": 1, "calls": 2, "texts": 5},
            "outside": {
                "voice_platform": {"count": 2, "ids": ["call-7731", "call-7740"]},
                "sms_vendor": {"count": 1, "ids": ["SM0123456789abcdef0123456789abcdef"]},
                "emails": 2,
                "calendars": {"queued": 1, "unreachable": 0},
            },
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    erasure_id: str
    lead_id: str
    counts: dict[str, int]
    outside: Elsewhere
    created_at: str


@routes.get(
    "/v1/leads/{lead_id}/export",
    summary="Export all that is held about a person",
    responses=problems(Outcome.NOT_FOUND),
)
async def export(lead_id: Id, caller: CallerHere) -> Export:
    """Written into the audit log."""
    first = await _audited(caller, "person_exported", lead_id, "export_person")

    async def page_after(call: str) -> dict[str, Any]:
        return await caller.call("export_person", lead_id=lead_id, after_call=call)

    return Export.model_validate(await whole_export(first, page_after))


@routes.delete(
    "/v1/leads/{lead_id}",
    summary="Erase a person",
    responses=problems(Outcome.NOT_FOUND, Outcome.NEEDS_CONFIRMATION),
)
async def erase(
    lead_id: Id,
    caller: CallerHere,
    cancel_appointments: Annotated[
        bool, Query(description="What is to come is cancelled first, and they aren't told.")
    ] = False,
) -> Erasure:
    """For good, with everybody who was merged into them; written into the audit log. Answered with
    the receipt. `NEEDS_CONFIRMATION` with `upcoming` while appointments are to come.
    """
    erased = await _audited(
        caller,
        "person_erased",
        lead_id,
        "erase_person",
        p_actor=_actor(caller),
        p_cancel_appointments=cancel_appointments,
    )
    return Erasure.model_validate(erased)


def _actor(caller: Caller) -> str:
    """Which credential, without a word of it."""
    return f"REST {caller.identity[:8]}"


async def _audited(
    caller: Caller, action: str, lead: object, function: str, **given: object
) -> dict[str, Any]:
    """Raises RefusedError."""
    organization = caller.credential.organization
    answer = await functions.call_audited(
        caller.services.database,
        function,
        {"p_org_id": organization, "p_lead_id": lead, **given},
        functions.Audit(organization, None, _actor(caller), action, "lead", str(lead)),
    )
    if not answer["success"]:
        raise RefusedError.by(answer)
    return answer

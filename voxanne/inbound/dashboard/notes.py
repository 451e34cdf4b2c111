"""What staff write about a person, and people who are one person."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.leads import lead_page
from voxanne.inbound.dashboard.visit import Visit, read_id
from voxanne.inbound.v1.problems import RefusedError

NOTE_CHARACTERS_MAX: Final = 5_000


async def add(visit: Visit) -> Response:
    lead_id = visit.id("lead")
    try:
        answer = await visit.do(
            "note_added",
            ("note", None),
            "add_note",
            lead_id=lead_id,
            body=visit.form.get("body"),
            staff_id=visit.member.staff_id,
            author=visit.member.name,
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.INVALID_ARGUMENTS:
            refused.detail = f"A note has 1 to {NOTE_CHARACTERS_MAX:,} characters."
        return await _refuse(visit, refused, "note")
    return visit.done(f"/leads/{lead_id}", done="noted", note_id=answer["note_id"])


async def delete(visit: Visit) -> Response:
    lead_id, note_id = visit.id("lead"), visit.id("note")
    try:
        await visit.do(
            "note_deleted",
            ("note", note_id),
            "delete_note",
            lead_id=lead_id,
            note_id=note_id,
            staff_id=visit.member.staff_id,
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.UNAUTHORIZED:
            refused.detail = "Only its author and the clinic's owners may delete a note."
        raise
    return visit.done(f"/leads/{lead_id}", done="note_deleted")


async def merge(visit: Visit) -> Response:
    """The person of the page stays, the chosen one is merged into them."""
    lead_id = visit.id("lead")
    try:
        answer = await visit.do(
            "lead_merged",
            ("lead", lead_id),
            "merge_leads",
            lead_id=lead_id,
            other_id=_chosen(visit, "other", "Choose who is the same person."),
            staff_id=visit.member.staff_id,
        )
    except RefusedError as refused:
        match refused.outcome:
            case Outcome.INVALID_ARGUMENTS if refused.details:
                refused.detail = "They are the same already: choose somebody else."
            case Outcome.STALE_VERSION:
                refused.detail = "One of the two was merged with somebody in the meantime."
            case Outcome.LIMIT_REACHED:
                refused.detail = "So many can't be one person: 100 are the most."
            case _:
                pass
        return await _refuse(visit, refused, "merge")
    return _undoable(visit, lead_id, "merged", answer["change_id"])


async def split(visit: Visit) -> Response:
    """The chosen appointments become another person's."""
    lead_id = visit.id("lead")
    try:
        answer = await visit.do(
            "lead_split",
            ("lead", lead_id),
            "split_lead",
            lead_id=lead_id,
            name=visit.form.get("name"),
            appointments=[_id(said) for said in visit.form.all("appointment")],
            staff_id=visit.member.staff_id,
        )
    except RefusedError as refused:
        match refused.outcome, refused.details.get("where"):
            case Outcome.INVALID_NAME, _:
                refused.detail = "Give the name of the other person."
            case Outcome.INVALID_ARGUMENTS, "name":
                refused.detail = (
                    "That is their own name, or that of somebody who was merged into them: undo "
                    "that merge instead."
                )
            case Outcome.INVALID_ARGUMENTS, _:
                refused.detail = (
                    "Choose the other person's appointments: of one phone number at a time."
                )
        return await _refuse(visit, refused, "split")
    return _undoable(visit, lead_id, "split", answer["change_id"])


async def undo(visit: Visit) -> Response:
    change = visit.id("change")
    try:
        answer = await visit.do(
            "lead_change_undone",
            ("lead", None),
            "undo_lead_change",
            change_id=change,
            staff_id=visit.member.staff_id,
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.STALE_VERSION:
            refused.detail = (
                "It can't be undone any more: an appointment of theirs belongs to somebody else by "
                "now. Split those appointments again instead."
            )
        elif refused.outcome is Outcome.NOT_FOUND:
            refused.detail = "It can't be undone: one of the two people isn't here any more."
        raise
    return visit.done(f"/leads/{answer['lead_id']}", done="undone", other_id=answer["other_id"])


def _undoable(visit: Visit, lead_id: UUID, done: str, change_id: str) -> Response:
    return visit.done(
        f"/leads/{lead_id}?done={done}&change={change_id}",
        change_id=change_id,
        undo=f"{visit.root}/lead-changes/{change_id}/undo",
    )


async def _refuse(visit: Visit, refused: RefusedError, opened: str) -> Response:
    """The page again, saying why. Raises RefusedError: for a script, and where there is no page."""
    if visit.wants_json or refused.outcome is Outcome.NOT_FOUND:
        raise refused
    typed = {name: visit.form.get(name) for name in visit.form.values}
    return await lead_page(
        visit,
        status=refused.status,
        opened=opened,
        errors={opened: refused.detail},
        sent=typed | {"appointments": visit.form.all("appointment")},
    )


def _chosen(visit: Visit, name: str, sentence: str) -> UUID:
    said = visit.form.get(name)
    if not said:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, sentence)
    return _id(said)


def _id(said: str) -> UUID:
    """Raises RefusedError: no page of ours sends anything else."""
    found = read_id(said)
    if found is None:
        raise RefusedError(Outcome.NOT_FOUND, "There is nothing of that kind here.")
    return found


PAGES: Final[list[Page]] = [
    Page("POST", "/leads/{lead}/notes", "staff", add),
    Page("POST", "/leads/{lead}/notes/{note}/delete", "staff", delete),
    Page("POST", "/leads/{lead}/merge", "staff", merge),
    Page("POST", "/leads/{lead}/split", "staff", split),
    Page("POST", "/lead-changes/{change}/undo", "staff", undo),
]

"""A person's data out, or gone; and who saw and changed what."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from voxanne.booking.exporting import whole_export
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.pages import HEADERS
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError

Json = dict[str, Any]
ROWS: Final = 50
ID_MAX: Final = 2**63 - 1
# Of whom the audit log tells → their page.
SUBJECT_PAGES: Final[Mapping[str, str]] = {
    "lead": "/leads/",
    "appointment": "/appointments/",
    "call": "/calls/",
    "erasure": "/erasures/",
}
DONE: Final[Mapping[str, str]] = {"erased": "The person is erased. This is the receipt."}
# What a receipt counts, as it is read.
COUNTED: Final[Mapping[str, str]] = {
    "people": "Names and numbers of the person",
    "appointments": "Appointments without a name now",
    "cancelled": "… of which were to come, and are cancelled",
    "calls": "Calls without transcript, summary and recording link now",
    "texts": "Text messages",
    "messages": "Messages left for the front desk",
    "notes": "Notes",
    "waitlist": "Waitlist entries",
    "consents": "Consents (who wanted no texts still gets none)",
    "deliveries": "Messages kept back that were about to go out",
}


async def export(visit: Visit) -> Response:
    """Everything about a person, as a file."""
    lead = visit.id("lead")
    first = await visit.do("person_exported", ("lead", lead), "export_person", lead_id=lead)

    async def page_after(call: str) -> Json:
        return await visit.call("export_person", lead_id=lead, after_call=call)

    document = await whole_export(first, page_after)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="person-{lead}.json"'}
    return Response(
        json.dumps(document, ensure_ascii=False, indent=1),
        media_type="application/json",
        headers=headers,
    )


async def ask(visit: Visit) -> Response:
    return await _ask(visit)


async def erase(visit: Visit) -> Response:
    lead = visit.id("lead")
    outlook = await visit.call("erasure_outlook", lead_id=lead)
    name = str(outlook["lead"]["name"])
    if _folded(visit.form.get("name")) != _folded(name):
        return await _ask(visit, {"name": f"Write the name as it stands here: {name}"})
    try:
        erased = await visit.do(
            "person_erased",
            ("lead", lead),
            "erase_person",
            lead_id=lead,
            actor=visit.member.email,
            cancel_appointments=visit.form.get("cancel") == "yes",
        )
    except RefusedError as refused:
        if refused.outcome != Outcome.NEEDS_CONFIRMATION:
            raise
        return await _ask(visit, {"cancel": "What is to come must be cancelled first. Tick this."})
    return visit.done(
        f"/erasures/{erased['erasure_id']}", done="erased", erasure_id=erased["erasure_id"]
    )


async def _ask(visit: Visit, errors: Mapping[str, str] | None = None) -> Response:
    """What goes, what stays, and is it meant?"""
    lead = visit.id("lead")
    outlook = await visit.call("erasure_outlook", lead_id=lead)
    await visit.saw("lead", lead)
    problem = "Nothing was erased: " + next(iter(errors.values())) if errors else None
    return visit.page(
        "privacy/erase.html",
        title=f"Erase {outlook['lead']['name']}",
        status=422 if errors else 200,
        problem=problem,
        errors=errors or {},
        outlook=outlook,
    )


async def receipts(visit: Visit) -> Response:
    after = _after(visit.form.get("after"))
    found = (await visit.call("list_erasures", limit=ROWS + 1, **after))["items"]
    rows = found[:ROWS]
    older = f"{rows[-1]['created_at']}/{rows[-1]['id']}" if len(found) > ROWS else None
    return visit.page("privacy/receipts.html", title="Erased people", rows=rows, older=older)


async def receipt(visit: Visit) -> Response:
    (found,) = (await visit.call("list_erasures", erasure_id=visit.id("erasure")))["items"]
    return visit.page(
        "privacy/receipt.html",
        title="Receipt of an erasure",
        message=DONE.get(visit.form.get("done")),
        receipt=found,
        counted=[(label, found["counts"].get(name, 0)) for name, label in COUNTED.items()],
        outside=found["outside"],
    )


async def audit(visit: Visit) -> Response:
    wanted = {name: visit.form.get(name) for name in ("actor", "action", "kind", "subject", "day")}
    day, problem = _day(wanted["day"])
    before = visit.form.get("before")
    found = await visit.call(
        "list_audit",
        actor=wanted["actor"] or None,
        action=wanted["action"] or None,
        subject_kind=wanted["kind"] or None,
        subject_id=wanted["subject"] or None,
        **_span(visit, day),
        after_id=_number(before),
        limit=ROWS + 1,
    )
    rows = found["items"][:ROWS]
    return visit.page(
        "privacy/audit.html",
        title="Audit log",
        problem=problem,
        wanted=wanted,
        rows=rows,
        actors=found["actors"],
        actions=found["actions"],
        kinds=sorted(SUBJECT_PAGES),
        pages=SUBJECT_PAGES,
        older=_older(wanted, rows) if len(found["items"]) > ROWS else None,
    )


def _older(wanted: Mapping[str, str], rows: Sequence[Json]) -> Mapping[str, str]:
    return {name: said for name, said in wanted.items() if said} | {"before": str(rows[-1]["id"])}


def _number(said: str) -> int | None:
    if not re.fullmatch(r"[0-9]{1,19}", said) or int(said) > ID_MAX:
        return None
    return int(said)


def _day(said: str) -> tuple[date | None, str | None]:
    try:
        return (date.fromisoformat(said) if said else None), None
    except ValueError:
        return None, "There is no such day."


def _span(visit: Visit, day: date | None) -> dict[str, datetime]:
    """A local day, from its midnight to the next."""
    if day is None or not date(1970, 1, 1) <= day < date(9999, 12, 30):
        return {}
    zone = visit.clinic.zone
    return {
        "from": datetime.combine(day, time(), zone),
        "until": datetime.combine(day + timedelta(days=1), time(), zone),
    }


def _after(said: str) -> dict[str, object]:
    """Where a page of receipts goes on. Raises RefusedError for an address nobody was given."""
    if not said:
        return {}
    at, _, last = said.partition("/")
    try:
        return {"after_at": datetime.fromisoformat(at).astimezone(UTC), "after_id": UUID(last)}
    except (ValueError, OverflowError):
        raise RefusedError(Outcome.NOT_FOUND, "There is no such page.") from None


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


PAGES: Final[list[Page]] = [
    Page("POST", "/leads/{lead}/export", "owner", export),
    Page("GET", "/leads/{lead}/erase", "owner", ask),
    Page("POST", "/leads/{lead}/erase", "owner", erase),
    Page("GET", "/erasures", "owner", receipts),
    Page("GET", "/erasures/{erasure}", "owner", receipt),
    Page("GET", "/audit", "owner", audit),
]

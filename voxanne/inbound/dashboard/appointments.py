"""One appointment: its panel, and everything that is done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard import bookings
from voxanne.inbound.dashboard.appointment_words import (
    SOURCES,
    STATES,
    Delivered,
    Happened,
    deliveries,
    history,
)
from voxanne.inbound.dashboard.grid import COLOURS, NAMELESS, service_text
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.local_times import LocalTime
from voxanne.inbound.dashboard.slots import (
    REASON_CHARACTERS_MAX,
    Refused,
    Slot,
    overbooking_reason,
    problem_form,
    refused_form,
)
from voxanne.inbound.dashboard.visit import Visit, read_moment
from voxanne.inbound.v1.problems import RefusedError

MESSAGES: Final[Mapping[str, str]] = {
    "booked": "Booked. What is sent of it is listed below.",
    "already_booked": "They had this appointment already: nothing was booked twice.",
    "moved": "Moved. What is sent of it is listed below.",
    "cancelled": "Cancelled. A cancelled appointment isn't taken up again: book it again instead.",
    "completed": "Written down: it took place.",
    "no_show": "Written down: the patient didn't come.",
    "confirmed": "Put back: it counts as booked again.",
}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MoveBack:
    """Where it was before it was last moved."""

    text: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Panel:
    """All that the panel shows. `at`: as the forms write it; `begun`: its time has come."""

    appointment: Json
    name: str
    phone: str
    email: str
    state: tuple[str, str]
    day: str
    times: str
    minutes: int
    at: LocalTime
    practitioner: str
    colour: int | None
    service: str
    room: str | None
    booked_by: str
    booked_at: str
    confirmed_at: str | None
    history: Sequence[Happened]
    deliveries: Sequence[Delivered]
    practitioners: Sequence[Json]
    begun: bool
    back: MoveBack | None
    again: str


async def show(visit: Visit) -> Response:
    return await _show(visit, message=MESSAGES.get(visit.form.get("done")))


async def move(visit: Visit) -> Response:
    id_, slot, reason = visit.id("appointment"), Slot.of(visit), overbooking_reason(visit)
    try:
        moved = await visit.do(
            "appointment_moved",
            ("appointment", id_),
            "reschedule_appointment",
            appointment_id=id_,
            scheduled_at=slot.starts_at(visit),
            practitioner_id=slot.practitioner_id(visit),
            version=_version(visit),
            source="staff",
            allow_overlap=bool(reason),
            overlap_reason=reason or None,
        )
    except RefusedError as refused:
        return await _refuse(visit, id_, refused, slot)
    before, now = moved["previous"], _fields(visit, moved)
    undo = LocalTime.of(read_moment(before["scheduled_at"]), visit.clinic.zone).fields()
    undo |= {"practitioner": before["practitioner_id"]}
    return visit.done(
        f"/appointments/{id_}",
        done="moved",
        appointment_id=str(id_),
        **now,
        practitioner_id=moved["practitioner_id"],
        undo={**undo, "version": moved["version"]},
    )


async def cancel(visit: Visit) -> Response:
    id_ = visit.id("appointment")
    try:
        cancelled = await visit.do(
            "appointment_cancelled",
            ("appointment", id_),
            "cancel_appointment",
            appointment_id=id_,
            reason=visit.form.get("reason")[:REASON_CHARACTERS_MAX] or None,
            version=_version(visit),
            source="staff",
        )
    except RefusedError as refused:
        return await _refuse(visit, id_, refused)
    return visit.done(
        f"/appointments/{id_}",
        done="cancelled",
        appointment_id=str(id_),
        **_fields(visit, cancelled),
    )


async def complete(visit: Visit) -> Response:
    return await _mark(visit, "completed")


async def miss(visit: Visit) -> Response:
    return await _mark(visit, "no_show")


async def confirm(visit: Visit) -> Response:
    return await _mark(visit, "confirmed")


async def _mark(visit: Visit, status: str) -> Response:
    id_ = visit.id("appointment")
    try:
        marked = await visit.do(
            f"appointment_{status}",
            ("appointment", id_),
            "mark_appointment",
            appointment_id=id_,
            status=status,
            version=_version(visit),
            source="staff",
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.INVALID_ARGUMENTS and not refused.details:
            refused.detail = "The appointment hasn't begun yet."
        return await _refuse(visit, id_, refused)
    return visit.done(
        f"/appointments/{id_}", done=status, appointment_id=str(id_), **_fields(visit, marked)
    )


async def _find(visit: Visit, id_: UUID) -> Json:
    """Raises RefusedError: NOT_FOUND."""
    return await visit.call("appointment_panel", appointment_id=id_)


async def _refuse(
    visit: Visit, id_: UUID, refused: RefusedError, slot: Slot | None = None
) -> Response:
    """The panel again, saying why; for a script a problem, with what is the case now where what it
    knew is old. Raises RefusedError.
    """
    found = await _find(visit, id_)  # of no appointment of this clinic nothing else is told
    if refused.outcome is Outcome.NOT_FOUND:
        refused = RefusedError(
            Outcome.NOT_FOUND, "That can't be done with it any more: see how it stands.", status=409
        )
    if refused.outcome is Outcome.STALE_VERSION:
        refused.detail = "It was changed in the meantime: see how it stands now, and repeat."
        refused.details = {**refused.details, "current": _current(visit, found["appointment"])}
    if visit.wants_json:
        raise problem_form(visit, refused)
    return await _show(
        visit,
        found,
        status=refused.status,
        refused=refused_form(visit, refused),
        slot=None if refused.outcome is Outcome.STALE_VERSION else slot,
    )


async def _show(
    visit: Visit,
    found: Json | None = None,
    *,
    status: int = 200,
    message: str | None = None,
    refused: Refused | None = None,
    slot: Slot | None = None,
) -> Response:
    """`slot`: what the form that moves it was given; else where it is. Raises RefusedError."""
    found = found or await _find(visit, visit.id("appointment"))
    panel = _panel(visit, found)
    await visit.saw("appointment", visit.id("appointment"))
    if slot is None:
        who = str(found["appointment"]["practitioner_id"])
        slot = Slot(panel.at.day, panel.at.time, panel.at.which, who)
    alone = "x-fragment" in visit.request.headers
    return visit.page(
        "appointment/panel.html" if alone else "appointment/page.html",
        title="Appointment",
        status=status,
        message=message,
        panel=panel,
        slot=slot,
        refused=refused,
        reason=visit.form.get("reason")[:REASON_CHARACTERS_MAX],
    )


def _panel(visit: Visit, found: Json) -> Panel:
    booked, when = found["appointment"], visit.when
    starts, ends = read_moment(booked["scheduled_at"]), read_moment(booked["ends_at"])
    names = {who["id"]: who["name"] for who in found["practitioners"]}
    active = [who for who in found["practitioners"] if who["active"]]
    at = LocalTime.of(starts, visit.clinic.zone)
    patient = booked["patient"] or {}
    colours = {who["id"]: position % COLOURS for position, who in enumerate(active)}
    confirmed_at = booked["patient_confirmed_at"]
    return Panel(
        appointment=booked,
        name=patient.get("name") or NAMELESS,
        phone=patient.get("contact_phone") or patient.get("phone") or "",
        email=patient.get("email") or "",
        state=STATES[booked["status"]],
        day=when.day(starts),
        times=_times(visit, starts, ends, at),
        minutes=round((ends - starts).total_seconds() / 60),
        at=at,
        practitioner=names.get(booked["practitioner_id"], visit.clinic.name),
        colour=colours.get(booked["practitioner_id"]),
        service=service_text(found["service_name"] or booked["service_type"]),
        room=found["room_name"],
        booked_by=SOURCES.get(booked["source"], booked["source"]),
        booked_at=when.moment(booked["created_at"]),
        confirmed_at=None if confirmed_at is None else when.moment(confirmed_at),
        history=history(found["history"], names, when),
        deliveries=deliveries(found["deliveries"], found["calendar"]),
        practitioners=_candidates(active, booked, names),
        begun=starts <= visit.clinic.now,
        back=_move_back(visit, found, names),
        again=_again(visit, found),
    )


def _candidates(active: Sequence[Json], booked: Json, names: Mapping[str, str]) -> list[Json]:
    """Whom it could move to: all who work here, and whoever has it now."""
    id_ = booked["practitioner_id"]
    if not active or any(who["id"] == id_ for who in active):
        return list(active)
    return [{"id": id_, "name": names.get(id_, "")}, *active]


def _times(visit: Visit, starts: datetime, ends: datetime, at: LocalTime) -> str:
    """`09:45 - 10:30`; in an hour that comes twice it says which."""
    which = f" (the {at.which} one: the clocks go back)" if at.which else ""
    return f"{visit.when.time(starts)} – {visit.when.time(ends)}{which}"


def _move_back(visit: Visit, found: Json, names: Mapping[str, str]) -> MoveBack | None:
    """Only while nothing came after the move, and the time before is still to come."""
    booked, moves = found["appointment"], [e for e in found["history"] if e["kind"] == "moved"]
    if booked["status"] != "confirmed" or not moves:
        return None
    last = moves[-1]["data"]
    before = read_moment(last["from"])
    if last.get("version") != booked["version"] or before <= visit.clinic.now:
        return None
    at = LocalTime.of(before, visit.clinic.zone)
    who = str(last.get("from_practitioner_id") or "")
    text = visit.when.moment(before)
    if who != booked["practitioner_id"] and who in names:
        text += f" with {names[who]}"
    return MoveBack(text, Slot(at.day, at.time, at.which, who))


def _again(visit: Visit, found: Json) -> str:
    """The form that books the same anew."""
    booked = found["appointment"]
    at = LocalTime.of(read_moment(booked["scheduled_at"]), visit.clinic.zone)
    fields = {
        **at.fields(),
        "practitioner": booked["practitioner_id"] if booked["practitioner_name"] else "",
        "lead": booked["contact_id"] or "",
        "service": booked["service_type"],
        "hold": booked["appointment_id"] if booked["status"] == "held" else "",
    }
    return "/appointments/new?" + urlencode({name: said for name, said in fields.items() if said})


def _current(visit: Visit, booked: Json) -> dict[str, Any]:
    at = LocalTime.of(read_moment(booked["scheduled_at"]), visit.clinic.zone)
    return {
        **at.fields(),
        "practitioner": booked["practitioner_id"],
        "status": booked["status"],
        "version": booked["version"],
    }


def _fields(visit: Visit, answer: Json) -> dict[str, Any]:
    """What a script is told of an appointment: ids and times."""
    at = LocalTime.of(read_moment(answer["scheduled_at"]), visit.clinic.zone)
    return {"version": answer["version"], "status": answer["status"], **at.fields()}


def _version(visit: Visit) -> int:
    """The one that whoever asks has seen. Raises RefusedError."""
    said = visit.form.get("version")
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise RefusedError(
            Outcome.INVALID_ARGUMENTS,
            "The form is incomplete: load the page again.",
            {"where": "version"},
        )
    return int(said)


PAGES: Final[list[Page]] = [
    *bookings.PAGES,
    Page("GET", "/appointments/{appointment}", "read_only", show),
    Page("POST", "/appointments/{appointment}/move", "staff", move),
    Page("POST", "/appointments/{appointment}/cancel", "staff", cancel),
    Page("POST", "/appointments/{appointment}/complete", "staff", complete),
    Page("POST", "/appointments/{appointment}/no-show", "staff", miss),
    Page("POST", "/appointments/{appointment}/confirm", "staff", confirm),
]

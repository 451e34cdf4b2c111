"""What must come to nothing: ids of other tenants and callers, nonsense; and reading, which must
show no less than what was told and nothing of anybody else.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from voxanne.stress.people import PEOPLE_MAX, Person, person
from voxanne.stress.workload.bookings import BARE_MINUTES, BOOK_TOOL, instant, process_of, wish_of
from voxanne.stress.workload.clinics import Clinic, Known, Patient, folded, token
from voxanne.stress.workload.desk import Desk
from voxanne.stress.workload.plan import Step
from voxanne.stress.workload.requests import (
    INTERNAL,
    RPC,
    Answer,
    Ids,
    Request,
    raw,
    rest,
    rpc,
    voice,
)

STRANGERS_FROM: Final = 20_000  # people no clinic knows


async def foreign(desk: Desk, step: Step) -> None:
    """An id of another clinic, or of another caller, with a credential of one's own."""
    clinic, other = desk.clinics[step.clinic], desk.clinics[step.other_clinic]
    known = other.pick(step.picked)
    if known is None or other is clinic:
        return await read(desk, step)
    attempts = _foreign(step, clinic, other, known)
    name = step.chance.choice(sorted(attempts))
    asked = {"attempt": name, "other_org_id": str(other.id), "foreign_id": str(known.id)}
    process = process_of(step.chance)
    answer = await desk.ask(
        "foreign", clinic, attempts[name], asked, process=process, expected=None
    )
    if answer.ok:
        desk.wrong("foreign_id_answered", clinic.id, f"{name}: {known.id} of {other.id}")
    _leaks(desk, clinic, answer, [known.patient.phone, *other.practitioners.values()])
    return None


def _foreign(step: Step, clinic: Clinic, other: Clinic, known: Known) -> dict[str, Request]:
    return {
        **_changes_of_theirs(step, clinic, other, known),
        **_bookings_with_theirs(step, clinic, other, known),
    }


def _changes_of_theirs(
    step: Step, clinic: Clinic, other: Clinic, known: Known
) -> dict[str, Request]:
    """Of the other clinic's appointment, offer, or of another caller's appointment here."""
    agent, staff, path = clinic.keys["agent"], clinic.keys["staff"], f"/v1/appointments/{known.id}"
    at, ids = instant(step.start), Ids(token(step.chance), token(step.chance))
    theirs = {"appointmentId": str(known.id)}
    moved = {**theirs, "scheduledAt": at}
    caller, stranger = known.patient.phone, _stranger(step)
    attempts = {
        "read": rest("GET", path, staff),
        "move": rest("PATCH", path, staff, {"scheduled_at": at}),
        "cancel": rest("POST", f"{path}/cancel", staff),
        "mark": rest("POST", f"{path}/no-show", staff),
        "cancel by voice": voice(agent, "cancelAppointment", theirs, ids, caller),
        "move by voice": voice(agent, "rescheduleAppointment", moved, ids, caller),
    }
    for wish in other.wishes[-1:]:
        attempts["waitlist"] = rest("POST", f"/v1/waitlist/{wish}/accept", agent)
    for mine in list(clinic.known)[:1]:
        named = {"appointmentId": str(mine)}
        attempts["another caller's"] = voice(agent, "cancelAppointment", named, ids, stranger.phone)
    return attempts


def _bookings_with_theirs(
    step: Step, clinic: Clinic, other: Clinic, known: Known
) -> dict[str, Request]:
    """A time of one's own with a hold, practitioner or room of the other clinic, or in its name."""
    agent, stranger = clinic.keys["agent"], _stranger(step)
    at, service = instant(step.start), clinic.service(step.service)
    ids, phone, owner = Ids(token(step.chance), token(step.chance)), stranger.phone, str(other.id)
    booking: dict[str, object] = {
        "name": stranger.name,
        "phone": stranger.phone,
        "service_type": service,
        "scheduled_at": at,
    }
    if clinic.bare:
        booking["duration_minutes"] = BARE_MINUTES
    parameters = {
        "org_id": owner,
        "patient_name": stranger.name,
        "patient_phone": stranger.phone,
        "service_type": service,
        "scheduled_at": at,
    }
    tool = {"name": stranger.name, "scheduledAt": at, "serviceType": service}
    theirs = {"hold_id": known.id}
    for practitioner in list(other.practitioners.values())[:1]:
        theirs["practitioner_id"] = practitioner
    for room in other.rooms[:1]:
        theirs["room_id"] = room
    return {
        "in their name by RPC": rpc(agent, parameters),
        "in their name by voice": voice(
            agent, BOOK_TOOL, tool, ids, phone, metadata={"org_id": owner}
        ),
        "in their name by header": voice(
            agent, BOOK_TOOL, tool, ids, phone, headers={"X-Org-Id": owner}
        ),
        **{
            f"their {name}": rest("POST", "/v1/appointments", agent, {**booking, name: str(id_)})
            for name, id_ in theirs.items()
        },
    }


def _stranger(step: Step) -> Person:
    return person(STRANGERS_FROM + step.number % (PEOPLE_MAX - STRANGERS_FROM))


async def nonsense(desk: Desk, step: Step) -> None:
    """What no caller can have, or nobody can read."""
    wish = wish_of(desk, step)
    clinic, chance = wish.clinic, step.chance
    attempts = _nonsense(desk, step, wish.patient, clinic)
    name = chance.choice(sorted(attempts))
    answer = await desk.ask(
        "nonsense",
        clinic,
        attempts[name],
        {"attempt": name},
        process=process_of(chance),
        expected=None,
    )
    if answer.ok:
        desk.wrong("nonsense_accepted", clinic.id, name)


def _nonsense(desk: Desk, step: Step, patient: Patient, clinic: Clinic) -> dict[str, Request]:
    agent, chance = clinic.keys["agent"], step.chance
    wish = replace(wish_of(desk, step), practitioner=None, hold=None, key=None)
    wrong = replace(patient, phone="+1", email=None)
    tool = replace(wish, via="voice")
    ids = Ids(token(chance), token(chance))
    caller = patient.phone
    book = "bookClinicAppointment"
    said = {"name": patient.name, "scheduledAt": wish.at}
    deep = b'{"message":' + b"[" * 200 + b"]" * 200 + b"}"
    return {
        "no JSON": raw("/api/vapi", agent, b"book me in, please"),
        "no JSON for the RPC": raw(RPC, agent, b"{", "rpc"),
        "deep": raw("/v1/appointments", agent, deep, "rest"),
        "an array": raw("/api/vapi", agent, b"[1, 2]"),
        "wrong key": replace(tool, clinic=_without_key(clinic)).request(),
        "no phone": replace(tool, via="direct", patient=wrong).request(),
        "no name": replace(tool, name="").request(),
        "no name by REST": replace(wish, via="rest", name="  ").request(),
        "past": replace(tool, start=wish.start - timedelta(days=100)).request(),
        "past by RPC": replace(wish, via="rpc", start=desk.now() - timedelta(days=1)).request(),
        "far ahead": replace(wish, via="rest", start=wish.start + timedelta(days=2000)).request(),
        "no time": voice(agent, book, {"name": patient.name}, ids, caller),
        "no day": voice(agent, book, {**said, "scheduledAt": "2027-02-30 10:00"}, ids, caller),
        "types": voice(agent, book, {"name": 7, "scheduledAt": ["x"]}, ids, caller),
        "control characters": voice(agent, book, {**said, "name": "A\x00B \ud800"}, ids, caller),
        "unknown tool": voice(agent, "orderPizza", said, ids, caller),
        "unknown field": rest("POST", "/v1/appointments", agent, {"who": "me"}),
        "unknown function": raw("/rest/v1/rpc/drop_everything", agent, b"{}", "rpc"),
        "unknown parameter": rpc(agent, {"patient_name": "A", "nonsense": 1}),
        "unknown id": rest("POST", f"/v1/appointments/{UUID(int=7)}/cancel", agent),
        "no id": rest("POST", "/v1/appointments/7/cancel", agent),
        "not for this key": rest("GET", "/v1/leads", agent),
        "infinity": rpc(
            agent,
            {
                "patient_name": patient.name,
                "patient_phone": caller,
                "service_type": "consultation",
                "scheduled_at": "infinity",
            },
        ),
    }


def _without_key(clinic: Clinic) -> Clinic:
    return replace(clinic, keys=dict.fromkeys(clinic.keys, "vox_" + "0" * 43))


async def read(desk: Desk, step: Step) -> None:
    """What a caller was told of is there, at least as new as they were told."""
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return
    version = known.version
    key = clinic.keys["staff"]
    request = rest("GET", f"/v1/appointments/{known.id}", key)
    process = process_of(step.chance)
    asked = {"appointment_id": str(known.id)}
    answer = await desk.ask("read", clinic, request, asked, process=process, expected=None)
    if not answer.settled:
        return
    if not answer.ok:
        desk.wrong("acknowledged_unreadable", clinic.id, f"{known.id}: {answer.outcome}")
    elif (answer.version or 0) < version:
        desk.wrong(
            "read_older_than_told", clinic.id, f"{known.id}: {answer.version} after {version}"
        )


async def lookup(desk: Desk, step: Step) -> None:
    """Who calls is told of the people of their own number alone."""
    clinic = desk.clinics[step.clinic]
    patient = clinic.patient(step.person)
    request = voice(
        clinic.keys["agent"],
        "lookupCaller",
        {},
        Ids(token(step.chance), token(step.chance)),
        patient.phone,
    )
    process = process_of(step.chance)
    answer = await desk.ask("lookup", clinic, request, {"phone": patient.phone}, process=process)
    theirs = {folded(patient.name), folded(patient.relative)}
    for one in answer.told.get("people") or []:
        if folded(str(one["name"])) not in theirs:
            desk.wrong("told_of_somebody_else", clinic.id, f"caller {step.person}")


def _leaks(desk: Desk, clinic: Clinic, answer: Answer, secrets: list[object]) -> None:
    if answer.outcome == INTERNAL:
        return
    for secret in secrets:
        if str(secret).encode() in answer.body:
            desk.wrong("foreign_details_told", clinic.id, f"in {answer.outcome}")

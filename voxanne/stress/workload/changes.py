"""Appointments that are there already: moved, cancelled, fought over; and what staff do to them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from voxanne.stress.workload.bookings import (
    BARE_MINUTES,
    asked_of,
    book,
    instant,
    process_of,
    rivals,
    wish_of,
)
from voxanne.stress.workload.clinics import Clinic, Known, token
from voxanne.stress.workload.desk import ORDINARY, Desk
from voxanne.stress.workload.plan import Cut, Step
from voxanne.stress.workload.requests import Answer, Ids, Request, rest, voice

MARKING: Final = ORDINARY | {"INVALID_ARGUMENTS"}
REASON: Final = "they asked for it"


async def move(desk: Desk, step: Step) -> None:
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    # Every eighth is moved to where it is, which is a replay.
    start = known.start if step.chance.random() < 0.12 else step.start
    await move_to(desk, step, clinic, known, start, cut=step.cut)
    return None


async def move_to(
    desk: Desk,
    step: Step,
    clinic: Clinic,
    known: Known,
    start: datetime,
    *,
    operation: str = "move",
    cut: Cut | None = None,
) -> Answer:
    """As a caller, on the telephone or by a program; asked again while there is no answer."""
    by_voice = step.via in ("voice", "direct")
    version = known.version if not by_voice and step.chance.random() < 0.4 else None
    if by_voice:
        arguments = {"appointmentId": str(known.id), "scheduledAt": instant(start)}
        request = voice(
            clinic.keys["agent"],
            "rescheduleAppointment",
            arguments,
            Ids(token(step.chance), token(step.chance)),
            known.patient.phone,
        )
    else:
        body: dict[str, object] = {"scheduled_at": instant(start)}
        if version is not None:
            body["version"] = version
        request = rest("PATCH", f"/v1/appointments/{known.id}", clinic.keys["agent"], body)
    asked = dict(asked_of(known, start=instant(start), version=version))
    answer = await persist(desk, step, clinic, operation, request, asked, cut)
    learn_move(clinic, known, answer, start)
    return answer


async def cancel(desk: Desk, step: Step) -> None:
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    await cancel_known(desk, step, clinic, known, cut=step.cut)
    if step.chance.random() < 0.1:
        await cancel_known(desk, step, clinic, known)
    return None


async def cancel_known(
    desk: Desk,
    step: Step,
    clinic: Clinic,
    known: Known,
    *,
    operation: str = "cancel",
    cut: Cut | None = None,
) -> Answer:
    if step.via in ("voice", "direct"):
        request = voice(
            clinic.keys["agent"],
            "cancelAppointment",
            {"appointmentId": str(known.id)},
            Ids(token(step.chance), token(step.chance)),
            known.patient.phone,
        )
    else:
        path = f"/v1/appointments/{known.id}/cancel"
        request = rest("POST", path, clinic.keys["agent"], {"reason": REASON})
    answer = await persist(desk, step, clinic, operation, request, dict(asked_of(known)), cut)
    if answer.ok:
        clinic.forget(known.id)
    return answer


async def cancel_race(desk: Desk, step: Step) -> None:
    """One gives a time up while three others want exactly that."""
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    names = {id_: name for name, id_ in clinic.practitioners.items()}
    practitioner = names.get(known.practitioner_id) if known.practitioner_id else None
    wishes = [
        replace(wish, start=known.start, service=known.service, practitioner=practitioner)
        for wish in rivals(desk, step, 3)
    ]
    asking: list[Coroutine[Any, Any, object]] = [
        book(desk, step, wish, "book_race", process=number) for number, wish in enumerate(wishes)
    ]
    asking.insert(step.chance.randrange(4), cancel_known(desk, step, clinic, known))
    await asyncio.gather(*asking)
    return None


async def move_race(desk: Desk, step: Step) -> None:
    """Two moves and a cancellation of one appointment at once."""
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    later = step.start + timedelta(minutes=40)
    await asyncio.gather(
        move_to(desk, step, clinic, known, step.start),
        move_to(desk, step, clinic, known, later),
        cancel_known(desk, step, clinic, known),
    )
    return None


async def persist(
    desk: Desk,
    step: Step,
    clinic: Clinic,
    operation: str,
    request: Request,
    asked: dict[str, Any],
    cut: Cut | None,
) -> Answer:
    """Ask, and while there is no answer send the very same again."""
    process = process_of(step.chance)
    answer = await desk.ask(operation, clinic, request, asked, process=process, cut=cut)
    for again in range(1, step.patience + 1):
        if answer.settled:
            break
        await asyncio.sleep(step.chance.uniform(0.1, 0.6) * again)
        answer = await desk.ask(operation, clinic, request, asked, process=process + again)
    return answer


def learn_move(clinic: Clinic, known: Known, answer: Answer, start: datetime) -> None:
    if answer.outcome in ("NOT_FOUND", "NOT_YOURS"):
        clinic.forget(known.id)
    elif answer.ok and known.id in clinic.known:
        version = answer.version or known.version
        clinic.learn(replace(known, start=start, version=version))


async def staff_move(desk: Desk, step: Step) -> None:
    """To another time or practitioner, with the version they see or without."""
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    body: dict[str, object] = {"scheduled_at": instant(step.start)}
    practitioner = None
    if clinic.practitioners and step.chance.random() < 0.4:
        practitioner = step.chance.choice(list(clinic.practitioners.values()))
        body["practitioner_id"] = str(practitioner)
    overbooks = step.chance.random() < 0.25
    if overbooks:
        body |= {"allow_overlap": True, "overlap_reason": REASON}
    headers = {"If-Match": f'"{known.version}"'} if step.chance.random() < 0.5 else {}
    request = rest("PATCH", f"/v1/appointments/{known.id}", clinic.keys["staff"], body, headers)
    asked = asked_of(
        known,
        start=body["scheduled_at"],
        practitioner_id=body.get("practitioner_id"),
        version=known.version if headers else None,
        overlap=overbooks or None,
    )
    answer = await persist(desk, step, clinic, "staff_move", request, dict(asked), step.cut)
    if answer.ok and practitioner is not None:
        known = replace(known, practitioner_id=practitioner)
    learn_move(clinic, known, answer, step.start)
    return None


async def staff_cancel(desk: Desk, step: Step) -> None:
    clinic = desk.clinics[step.clinic]
    known = clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    body = {"version": known.version} if step.chance.random() < 0.5 else {}
    path = f"/v1/appointments/{known.id}/cancel"
    request = rest("POST", path, clinic.keys["staff"], body)
    asked = dict(asked_of(known, version=body.get("version")))
    answer = await persist(desk, step, clinic, "staff_cancel", request, asked, step.cut)
    if answer.ok:
        clinic.forget(known.id)
    return None


async def staff_overbook(desk: Desk, step: Step) -> None:
    """On top of a known appointment, on purpose."""
    known = desk.clinics[step.clinic].pick(step.picked)
    await _overbook(desk, step, known.start if known else step.start)


async def staff_soon(desk: Desk, step: Step) -> None:
    """For somebody who stands at the desk: it begins within a minute, whoever is there."""
    soon = desk.now() + timedelta(seconds=step.chance.randrange(10, 50))
    await _overbook(desk, step, soon.replace(microsecond=0))


async def _overbook(desk: Desk, step: Step, start: datetime) -> None:
    wish = replace(wish_of(desk, step), via="rest", scope="staff", start=start, hold=None)
    clinic = wish.clinic
    body: dict[str, object] = {
        "name": wish.name,
        "phone": wish.patient.phone,
        "service_type": wish.service,
        "scheduled_at": instant(start),
        "allow_overlap": True,
        "overlap_reason": REASON,
    }
    if clinic.bare:
        body["duration_minutes"] = BARE_MINUTES
    request = rest("POST", "/v1/appointments", clinic.keys["staff"], body)
    asked = {**wish.asked(), "key": None, "practitioner_id": None, "overlap": True}
    answer = await persist(desk, step, clinic, "staff_overbook", request, asked, step.cut)
    if (known := wish.known(answer)) is not None:
        clinic.learn(known)


async def staff_mark(desk: Desk, step: Step) -> None:
    """What became of one that has begun; every fifth is taken back."""
    clinic = desk.clinics[step.clinic]
    known = clinic.begun(desk.now(), step.picked) or clinic.pick(step.picked)
    if known is None:
        return await book_instead(desk, step)
    marks = [step.chance.choice(("complete", "no-show"))]
    if step.chance.random() < 0.2:
        marks.append("confirm")
    for mark in marks:
        path = f"/v1/appointments/{known.id}/{mark}"
        request = rest("POST", path, clinic.keys["staff"])
        asked = dict(asked_of(known))
        answer = await desk.ask(
            f"mark_{mark}".replace("-", "_"),
            clinic,
            request,
            asked,
            process=process_of(step.chance),
            expected=MARKING,
        )
        if answer.ok and mark == "confirm":
            clinic.learn(replace(known, version=answer.version or known.version))
        elif answer.ok:
            clinic.forget(known.id)
    return None


async def book_instead(desk: Desk, step: Step) -> None:
    """At first there is nothing to change."""
    await book(desk, step, wish_of(desk, step))

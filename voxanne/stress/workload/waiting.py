"""Those who wait for a time to become free, and what they say when it does."""

from datetime import datetime
from typing import Any

from voxanne.stress.workload.bookings import process_of, wish_of
from voxanne.stress.workload.changes import persist
from voxanne.stress.workload.clinics import Clinic, Known, token
from voxanne.stress.workload.desk import Desk
from voxanne.stress.workload.plan import Step
from voxanne.stress.workload.requests import Ids, rest, voice


async def waitlist(desk: Desk, step: Step) -> None:
    """Half join; the others look what is offered and take it, or decline."""
    if step.picked < 0.5:
        await _join(desk, step)
    await _answer_offer(desk, step, desk.clinics[step.clinic])


async def _join(desk: Desk, step: Step) -> None:
    wish = wish_of(desk, step)
    clinic = wish.clinic
    if step.via in ("voice", "direct"):
        request = voice(
            clinic.keys["agent"],
            "joinWaitlist",
            {"serviceType": wish.service, "name": wish.patient.name},
            Ids(wish.call, wish.tool_call),
            wish.patient.phone,
        )
    else:
        body = {
            "name": wish.patient.name,
            "phone": wish.patient.phone,
            "service_type": wish.service,
        }
        headers = {"Idempotency-Key": token(step.chance)}
        key = clinic.keys["agent"]
        request = rest("POST", "/v1/waitlist", key, body, headers, subject="waitlist_id")
    asked = {"name": wish.patient.name, "phone": wish.patient.phone, "service": wish.service}
    answer = await persist(desk, step, clinic, "wait", request, asked, step.cut)
    if answer.ok:
        clinic.wishes[:] = [*clinic.wishes[-9:], str(answer.told["waitlist_id"])]


async def _answer_offer(desk: Desk, step: Step, clinic: Clinic) -> None:
    request = rest("GET", "/v1/waitlist?status=offered&limit=50", clinic.keys["staff"])
    listed = await desk.ask("list_offers", clinic, request, {}, process=process_of(step.chance))
    offers = listed.told.get("items") or []
    if not offers:
        return
    wish: dict[str, Any] = offers[int(step.picked * len(offers))]
    patients = {patient.phone: patient for patient in clinic.patients()}
    patient = patients.get(wish["phone"])
    if patient is None or wish["offer"] is None:
        return
    asked = {
        "waitlist_id": wish["id"],
        "service": wish["service_type"],
        "name": wish["name"],
        "phone": wish["phone"],
    }
    verb = "accept" if step.chance.random() < 0.7 else "decline"
    body = {"caller_phone": patient.phone}
    path = f"/v1/waitlist/{wish['id']}/{verb}"
    if verb == "accept":
        offer = wish["offer"]
        asked |= {"start": offer["scheduled_at"], "practitioner_id": offer["practitioner_id"]}
        accepted = {**body, "hold_id": offer["hold_id"]}
        request = rest("POST", path, clinic.keys["agent"], accepted)
    else:
        request = rest("POST", path, clinic.keys["agent"], body, subject="waitlist_id")
    answer = await persist(desk, step, clinic, verb, request, asked, step.cut)
    appointment = answer.appointment_id
    if verb == "accept" and answer.ok and appointment is not None:
        clinic.learn(
            Known(
                appointment,
                patient,
                wish["name"],
                wish["service_type"],
                datetime.fromisoformat(str(answer.told["scheduled_at"])),
                version=answer.version or 1,
            )
        )

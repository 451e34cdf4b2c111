"""The form that books: for somebody who is known, or somebody new; over another on purpose."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import Response

from voxanne.booking.normalize import normalize_email, normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.grid import service_text
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.local_times import LocalTime
from voxanne.inbound.dashboard.slots import (
    Refused,
    Slot,
    overbooking_reason,
    problem_form,
    refused_form,
)
from voxanne.inbound.dashboard.visit import Visit, read_id, read_moment
from voxanne.inbound.metrics import SUCCESS
from voxanne.inbound.v1.problems import RefusedError
from voxanne.language.speech import locale_for

MATCHES_MAX: Final = 8
QUERY_CHARACTERS_MAX: Final = 100
NOTES_CHARACTERS_MAX: Final = 2000
KEY_CHARACTERS_MAX: Final = 60
MINUTES_DEFAULT: Final = 60

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is for. `lead_id` empty: somebody new."""

    lead_id: str
    name: str
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form holds. `key`: this form's own, so that sent twice it books once."""

    key: str
    slot: Slot
    person: Person
    query: str
    service: str
    minutes: str
    notes: str
    reason: str
    hold: str

    @classmethod
    def of(cls, visit: Visit) -> "Wish":
        form = visit.form
        return cls(
            key=form.get("key")[:KEY_CHARACTERS_MAX] or secrets.token_urlsafe(12),
            slot=Slot.of(visit),
            person=Person(form.get("lead"), form.get("name"), form.get("phone"), form.get("email")),
            query=form.get("q")[:QUERY_CHARACTERS_MAX],
            service=form.get("service"),
            minutes=form.get("minutes"),
            notes=form.get("notes")[:NOTES_CHARACTERS_MAX],
            reason=overbooking_reason(visit),
            hold=form.get("hold"),
        )


async def show_form(visit: Visit) -> Response:
    wish = Wish.of(visit)
    day = wish.slot.day or visit.clinic.today.isoformat()
    return await _form(visit, replace(wish, slot=replace(wish.slot, day=day)))


async def book(visit: Visit) -> Response:
    wish = Wish.of(visit)
    if visit.form.get("find"):
        return await _form(visit, wish)
    try:
        booked = await _book(visit, wish)
    except RefusedError as refused:
        if visit.wants_json:
            raise problem_form(visit, refused) from None
        return await _form(visit, wish, refused=refused_form(visit, refused), status=refused.status)
    at = LocalTime.of(read_moment(booked["scheduled_at"]), visit.clinic.zone)
    return visit.done(
        f"/appointments/{booked['appointment_id']}",
        done="already_booked" if booked["replayed"] else "booked",
        appointment_id=booked["appointment_id"],
        version=booked["version"],
        practitioner_id=booked["practitioner_id"],
        replayed=booked["replayed"],
        **at.fields(),
    )


async def _book(visit: Visit, wish: Wish) -> Json:
    """Raises RefusedError."""
    person = await _person(visit, wish)
    try:
        booked = await visit.do(
            "appointment_booked",
            ("appointment", None),
            "book_appointment_atomic",
            **person,
            service_type=wish.service,
            scheduled_at=wish.slot.starts_at(visit),
            duration_minutes=_minutes(wish.minutes),
            practitioner_id=wish.slot.practitioner_id(visit),
            idempotency_key=f"desk:{visit.member.staff_id}:{wish.key}",
            source="staff",
            allow_overlap=bool(wish.reason),
            overlap_reason=wish.reason or None,
            hold_id=read_id(wish.hold),
            metadata=json.dumps({"notes": wish.notes} if wish.notes else {}),
        )
    except RefusedError as refused:
        visit.services.metrics.bookings.labels(refused.outcome).inc()
        raise
    visit.services.metrics.bookings.labels(SUCCESS).inc()
    return booked


async def _person(visit: Visit, wish: Wish) -> dict[str, object]:
    """The patient, as the booking takes them. Raises RefusedError."""
    if wish.person.lead_id:
        lead = await _lead(visit, wish.person.lead_id)
        if lead is None:
            raise RefusedError(
                Outcome.NOT_FOUND, "This patient isn't here any more.", {"where": "q"}, status=422
            )
        return {
            "patient_name": lead["name"],
            "patient_phone": lead["phone"],
            "phone_verified": lead["phone_verified"],
            "patient_email": lead["email"],
        }
    said = wish.person
    phone = normalize_phone(said.phone, locale_for(visit.clinic.country, visit.clinic.timezone)[1])
    if phone is None and said.name:
        raise RefusedError(Outcome.INVALID_PHONE, "")
    if said.email and normalize_email(said.email) is None:
        raise RefusedError(Outcome.INVALID_EMAIL, "")
    return {
        "patient_name": said.name,
        "patient_phone": phone.e164 if phone else "",
        "phone_verified": phone is not None and phone.verified,
        "patient_email": said.email or None,
    }


async def _lead(visit: Visit, said: str) -> Json | None:
    lead_id = read_id(said)
    if lead_id is None:
        return None
    try:
        found = await visit.call("list_leads", lead_id=lead_id)
    except RefusedError as refused:
        if refused.outcome is Outcome.NOT_FOUND:
            return None
        raise
    return found["items"][0]  # type: ignore[no-any-return]


async def _form(
    visit: Visit, wish: Wish, *, refused: Refused | None = None, status: int = 200
) -> Response:
    """Raises RefusedError."""
    configured = await visit.call("clinic_configuration")
    services = [
        {**each, "name": service_text(each["name"])}
        for each in configured["services"]
        if each["active"]
    ]
    alone = "x-fragment" in visit.request.headers
    return visit.page(
        "appointment/new_panel.html" if alone else "appointment/new.html",
        title="New appointment",
        status=status,
        alone=alone,
        wish=wish,
        services=services,
        practitioners=[each for each in configured["practitioners"] if each["active"]],
        people=await _people(visit, wish),
        minutes_default=MINUTES_DEFAULT,
        refused=refused,
    )


async def _people(visit: Visit, wish: Wish) -> Sequence[Json]:
    """Who was chosen, then who fits the search. What is shown of them is written down."""
    chosen = await _lead(visit, wish.person.lead_id) if wish.person.lead_id else None
    people = [] if chosen is None else [{**chosen, "lead_id": chosen["id"]}]
    if wish.query:
        region = locale_for(visit.clinic.country, visit.clinic.timezone)[1]
        phone = normalize_phone(wish.query, region)
        found = await visit.call(
            "search_leads",
            query=wish.query,
            phone=phone.e164 if phone else None,
            order="name",
            limit=MATCHES_MAX,
        )
        people += [
            each for each in found["items"] if chosen is None or each["lead_id"] != chosen["id"]
        ]
    for each in people:
        await visit.saw("lead", each["lead_id"])
    return people


def _minutes(said: str) -> int | None:
    """None: the service's own. Raises RefusedError."""
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 6):
        raise RefusedError(Outcome.INVALID_DURATION, "Give the length in whole minutes.")
    return int(said)


PAGES: Final[list[Page]] = [
    Page("GET", "/appointments/new", "staff", show_form),
    Page("POST", "/appointments", "staff", book),
]

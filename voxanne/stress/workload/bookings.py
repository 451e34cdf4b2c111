"""Callers who want a time: looking, holding, booking; again, twice at once, against each other."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from voxanne.stress.workload.clinics import Clinic, Known, Patient, token
from voxanne.stress.workload.desk import ORDINARY, Desk
from voxanne.stress.workload.plan import PEOPLE_PER_CLINIC, Cut, Step, Via
from voxanne.stress.workload.requests import Answer, Ids, Request, direct, rest, rpc, voice

BARE_MINUTES: Final = 30
BOOK_TOOL: Final = "bookClinicAppointment"
MISMATCHED: Final = ORDINARY | {"IDEMPOTENCY_MISMATCH"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What one caller wants, in one call. `key`: of REST and the RPC; the voice's is its ids."""

    clinic: Clinic
    patient: Patient
    name: str
    service: str
    start: datetime
    via: Via
    call: str
    tool_call: str
    key: str | None
    practitioner: str | None = None
    hold: str | None = None
    scope: str = "agent"

    @property
    def at(self) -> str:
        return instant(self.start)

    @property
    def identity(self) -> str | None:
        """What makes it the same request again, in whatever form."""
        if self.via in ("voice", "direct"):
            return f"voice/{self.call}/{self.tool_call}"
        return f"{self.via}/{self.scope}/{self.key}" if self.key else None

    def request(self) -> Request:
        match self.via:
            case "voice" | "direct":
                return self._tool_call()
            case "rpc":
                return rpc(self.clinic.keys[self.scope], self._parameters())
            case "rest":
                headers = {"Idempotency-Key": self.key} if self.key else {}
                body = {**self._rest(), "call_id": self.call}
                key = self.clinic.keys[self.scope]
                return rest("POST", "/v1/appointments", key, body, headers)

    def asked(self) -> dict[str, Any]:
        practitioner = self.clinic.practitioners.get(self.practitioner or "")
        return {
            "start": self.at,
            "service": self.service,
            "name": self.name,
            "phone": self.patient.phone,
            "practitioner_id": str(practitioner) if practitioner else None,
            "key": self.identity,
            "hold_id": self.hold,
            "call_id": self.call,
            "via": self.via,
        }

    def known(self, answer: Answer) -> Known | None:
        """The appointment, if that is what the answer tells of."""
        appointment = answer.appointment_id
        if (
            not answer.ok
            or appointment is None
            or answer.told.get("status", "confirmed") != "confirmed"
        ):
            return None
        said = answer.told.get("scheduled_at")
        start = datetime.fromisoformat(str(said)) if said else self.start
        practitioner = self.clinic.practitioners.get(str(answer.told.get("practitioner_name")))
        return Known(
            appointment,
            self.patient,
            self.name,
            self.service,
            start,
            practitioner,
            answer.version or 1,
        )

    def _tool_call(self) -> Request:
        arguments: dict[str, object] = {
            "name": self.name,
            "scheduledAt": self.at,
            "serviceType": self.service,
        }
        if self.patient.email:
            arguments["email"] = self.patient.email
        if self.practitioner:
            arguments["practitioner"] = self.practitioner
        if self.hold:
            arguments["holdId"] = self.hold
        if self.clinic.bare:
            arguments["durationMinutes"] = BARE_MINUTES
        key, ids = self.clinic.keys["agent"], Ids(self.call, self.tool_call)
        if self.via == "voice":
            return voice(key, BOOK_TOOL, arguments, ids, self.patient.phone)
        arguments["phone"] = self.patient.phone
        return direct(key, BOOK_TOOL, arguments, ids)

    def _parameters(self) -> dict[str, object]:
        wanted: dict[str, object] = {
            "org_id": str(self.clinic.id),
            "patient_name": self.name,
            "patient_email": self.patient.email,
            "patient_phone": self.patient.phone,
            "service_type": self.service,
            "scheduled_at": self.at,
            "duration_minutes": BARE_MINUTES,
            "call_id": self.call,
        }
        if self.practitioner:
            wanted["practitioner_id"] = str(self.clinic.practitioners[self.practitioner])
        if self.key:
            wanted["idempotency_key"] = self.key
        if self.hold:
            wanted["hold_id"] = self.hold
        return wanted

    def _rest(self) -> dict[str, object]:
        body: dict[str, object] = {
            "name": self.name,
            "phone": self.patient.phone,
            "service_type": self.service,
            "scheduled_at": self.at,
        }
        if self.patient.email:
            body["email"] = self.patient.email
        if self.practitioner:
            body["practitioner_id"] = str(self.clinic.practitioners[self.practitioner])
        if self.hold:
            body["hold_id"] = self.hold
        if self.clinic.bare:
            body["duration_minutes"] = BARE_MINUTES
        return body


def wish_of(desk: Desk, step: Step, *, person: int | None = None, named: bool = False) -> Wish:
    """What the step's caller wants. `named`: with a practitioner, where the clinic has one."""
    clinic, chance = desk.clinics[step.clinic], step.chance
    patient = clinic.patient(step.person if person is None else person)
    practitioners = list(clinic.practitioners) if named or chance.random() < 0.3 else []
    return Wish(
        clinic=clinic,
        patient=patient,
        name=patient.relative if chance.random() < 0.1 else patient.name,
        service=clinic.service(step.service),
        start=step.start,
        via=step.via,
        call=token(chance),
        tool_call=token(chance),
        key=token(chance) if step.via in ("rpc", "rest") and chance.random() < 0.7 else None,
        practitioner=chance.choice(practitioners) if practitioners else None,
        scope="staff" if step.via == "rest" and chance.random() < 0.15 else "agent",
    )


async def book(
    desk: Desk,
    step: Step,
    wish: Wish,
    operation: str = "book",
    *,
    process: int | None = None,
    cut: Cut | None = None,
    expected: frozenset[str] = ORDINARY,
) -> Answer:
    """Ask, and while there is no answer ask again as often as the caller's patience lasts: half of
    them by sending the very same again, half by asking anew in the same call.
    """
    first = step.chance.randrange(8) if process is None else process
    answer = await desk.ask(
        operation,
        wish.clinic,
        wish.request(),
        wish.asked(),
        process=first,
        cut=cut,
        expected=expected,
    )
    for again in range(1, step.patience + 1):
        if answer.settled:
            break
        await asyncio.sleep(step.chance.uniform(0.1, 0.6) * again)
        if step.chance.random() < 0.5:
            wish = replace(wish, tool_call=token(step.chance))
        answer = await desk.ask(
            "retry",
            wish.clinic,
            wish.request(),
            wish.asked(),
            process=first + again,
            expected=expected,
        )
    if (known := wish.known(answer)) is not None:
        wish.clinic.learn(known)
    return answer


async def check(desk: Desk, step: Step) -> None:
    """See what is free; every third caller takes it."""
    clinic, chance = desk.clinics[step.clinic], step.chance
    wish, process, takes = wish_of(desk, step), chance.randrange(8), chance.random() < 0.33
    if step.via in ("rpc", "rest"):
        until = instant(step.start + timedelta(hours=8))
        query = f"service_type={wish.service}&from={wish.at}&to={until}&limit=20"
        if clinic.bare:
            query += f"&duration_minutes={BARE_MINUTES}"
        request = rest("GET", f"/v1/availability?{query}", clinic.keys["agent"])
    else:
        arguments = {"serviceType": wish.service, "date": f"{step.start:%Y-%m-%d}"}
        ids = Ids(wish.call, token(chance))
        request = voice(
            clinic.keys["agent"], "checkAvailability", arguments, ids, wish.patient.phone
        )
    answer = await desk.ask("check", clinic, request, {"service": wish.service}, process=process)
    slots = answer.told.get("slots") or []
    if takes and slots:
        offered = chance.choice(slots)
        start = datetime.fromisoformat(offered.get("startsAt") or offered["starts_at"])
        wish = replace(wish, start=start, practitioner=None)
        await book(desk, step, wish, "book_offered")


async def plain_book(desk: Desk, step: Step) -> None:
    await book(desk, step, wish_of(desk, step), cut=step.cut)


async def hold(desk: Desk, step: Step, wish: Wish) -> Answer:
    """By the form of the caller, in the call that books it."""
    chance = step.chance
    if wish.via in ("rpc", "rest"):
        body: dict[str, object] = {
            "service_type": wish.service,
            "scheduled_at": wish.at,
            "call_id": wish.call,
        }
        if wish.clinic.bare:
            body["duration_minutes"] = BARE_MINUTES
        key = wish.clinic.keys["agent"]
        headers = {"Idempotency-Key": token(chance)}
        request = rest("POST", "/v1/holds", key, body, headers, subject="hold_id")
    else:
        arguments = {"scheduledAt": wish.at, "serviceType": wish.service}
        request = voice(
            wish.clinic.keys["agent"],
            "holdSlot",
            arguments,
            Ids(wish.call, token(chance)),
            wish.patient.phone,
        )
    asked = {"start": wish.at, "service": wish.service, "call_id": wish.call}
    return await desk.ask("hold", wish.clinic, request, asked, process=chance.randrange(8))


async def hold_book(desk: Desk, step: Step) -> None:
    """Keep a time, talk about it, book it; some talk for longer than it is kept."""
    wish = wish_of(desk, step)
    wish = replace(wish, practitioner=None, via="voice" if wish.via == "direct" else wish.via)
    held = await hold(desk, step, wish)
    if not held.ok:
        return
    await asyncio.sleep(step.chance.choice((0.0, 0.2, 1.0, 12.0)))
    hold_id = str(held.told["hold_id"]) if step.chance.random() < 0.7 else None
    await book(desk, step, replace(wish, hold=hold_id), "book_held", cut=step.cut)


async def hold_leave(desk: Desk, step: Step) -> None:
    """Keep a time and give it back, or let it lapse."""
    wish = replace(wish_of(desk, step), practitioner=None)
    held = await hold(desk, step, wish)
    if held.ok and step.chance.random() < 0.6:
        path = f"/v1/holds/{held.told['hold_id']}?call_id={wish.call}"
        request = rest("DELETE", path, wish.clinic.keys["agent"])
        asked = {"hold_id": held.told["hold_id"]}
        process = step.chance.randrange(8)
        await desk.ask("release", wish.clinic, request, asked, process=process, cut=step.cut)


async def retry(desk: Desk, step: Step) -> None:
    """The same call and tool-call id once more, the answer to the first having got lost or not."""
    wish = wish_of(desk, step)
    await book(desk, step, wish, cut=step.cut)
    await asyncio.sleep(step.chance.choice((0.0, 0.05, 0.5)))
    await book(desk, step, wish, "retry")


async def duplicate(desk: Desk, step: Step) -> None:
    """The same person, service and start in another call, and perhaps in another form."""
    wish = wish_of(desk, step)
    via: Via = "voice" if step.chance.random() < 0.5 else "rest"
    again = replace(wish, call=token(step.chance), tool_call=token(step.chance), via=via, key=None)
    await book(desk, step, wish)
    await book(desk, step, again, "duplicate")


async def twins(desk: Desk, step: Step) -> None:
    """The same request three times at once, to different processes."""
    wish = wish_of(desk, step)
    await asyncio.gather(*(book(desk, step, wish, "twin", process=number) for number in range(3)))


def rivals(desk: Desk, step: Step, count: int) -> list[Wish]:
    """Different callers of one slot, with one practitioner where there is one."""
    first = wish_of(desk, step, named=True)
    others = []
    for number in range(count):
        patient = first.clinic.patient((step.person + number) % PEOPLE_PER_CLINIC)
        others.append(
            replace(
                first,
                patient=patient,
                name=patient.name,
                key=None,
                call=token(step.chance),
                tool_call=token(step.chance),
            )
        )
    return others


async def race(desk: Desk, step: Step) -> None:
    wishes = rivals(desk, step, 4)
    await asyncio.gather(
        *(book(desk, step, wish, "book_race", process=number) for number, wish in enumerate(wishes))
    )


async def idempotency(desk: Desk, step: Step) -> None:
    """One Idempotency-Key twice with one body, then with another."""
    wish = replace(wish_of(desk, step), via="rest", key=token(step.chance))
    await book(desk, step, wish, cut=step.cut)
    await book(desk, step, wish, "book_same_key")
    later = replace(wish, start=wish.start + timedelta(minutes=10 * step.chance.randrange(1, 9)))
    await book(desk, step, later, "book_other_key", expected=MISMATCHED)


def instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def process_of(chance: random.Random) -> int:
    return chance.randrange(8)


def asked_of(known: Known, **more: Any) -> Mapping[str, Any]:
    """What every change says of its appointment."""
    return {"appointment_id": str(known.id), "phone": known.patient.phone, **more}

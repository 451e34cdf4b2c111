"""The demo's scene: a clinic, two callers, a whole conversation through the public endpoint."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib import resources
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import click
import httpx2
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.cli.calendar_feeds import named_practitioner, open_feed
from voxanne.cli.configuring import OwnerSession, configure_from_file
from voxanne.cli.staff import add_member, link_address, make_link
from voxanne.cli.telephone import PhoneCall, Transcript
from voxanne.deployment import Deployment
from voxanne.language.speech import speak_date, speak_time
from voxanne.outbox.worker import Worker
from voxanne.postgres import organizations

CLINIC: Final = UUID("d0000000-0000-4000-8000-000000000001")
CLINIC_NAME: Final = "Harbor Dental"
CLINIC_FILE: Final = "harbor-dental.yaml"
SERVICE: Final = "consultation"
LOCALE: Final = "en_GB"
OWNER: Final = "owner@harbor-dental.example"
MAYA, BEN = "Maya Okafor", "Ben Carter"
# Ofcom's range for fiction: +447700900000 to +447700900999.
MAYA_NUMBERS: Final = range(123, 400)
BEN_NUMBERS: Final = range(500, 1000)
DAYS_AHEAD_MIN: Final = 2  # beyond the clinic's notice
STARTS_MAX: Final = 500


class DemoError(click.ClickException):
    """The demo can't go on; a step that wasn't answered as it must be is a bug."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the callers will ask for: a practitioner, and two times of one day in the clinic's zone
    that don't overlap."""

    practitioner: str
    start: datetime
    later: datetime

    @property
    def day(self) -> date:
        return self.start.date()

    @property
    def spoken_day(self) -> str:
        return speak_date(self.day, today=self.day, locale=LOCALE)

    @property
    def part_of_day(self) -> str:
        if self.start.hour < 12:
            return "morning"
        return "afternoon" if self.start.hour < 17 else "evening"


@dataclass(slots=True)
class Scene:
    """The stage: the owner's connection, the endpoint with the clinic's key, the screen, and who
    carries out the deliveries."""

    connection: asyncpg.Connection
    http: httpx2.AsyncClient
    plan: Plan
    screen: Transcript
    worker: Worker

    def dial(self, name: str, number: str, *, again: bool = False) -> PhoneCall:
        again_or_not = " again" if again else ""
        self.screen.title(f"{name} calls {CLINIC_NAME}{again_or_not}, from {number}")
        return PhoneCall(self.http, number)

    async def ask(
        self,
        call: PhoneCall,
        said: str,
        tool: str,
        arguments: Mapping[str, object],
        expected: str = "success",
    ) -> dict[str, Any]:
        """One turn of the conversation. Raises DemoError for any other outcome."""
        self.screen.line("Caller", said)
        answer = await call.use(tool, arguments)
        self.screen.tool_call(tool, arguments, answer)
        _expect(f"{tool} answers", expected, answer.outcome)
        return answer.result

    async def hang_up(self, call: PhoneCall) -> None:
        await call.hang_up()
        kept = await self.connection.fetchval(
            "SELECT count(*) FROM voice_messages "
            "WHERE org_id = $1 AND call_id = $2 AND type = 'end-of-call-report'",
            CLINIC,
            call.id,
        )
        held = await self.connection.fetchval(
            "SELECT count(*) FROM appointments "
            "WHERE org_id = $1 AND call_id = $2 AND status = 'held'",
            CLINIC,
            call.id,
        )
        _expect("end-of-call reports kept", 1, kept)
        _expect("times still held by the call", 0, held)
        self.screen.line("event", "end-of-call-report: kept, and nothing is held any more")
        await self.worker.drain()


async def play_scene(opened: Deployment, address: str, worker: Worker) -> None:
    """Make the clinic, play the calls against `address`, print what was said, sent and stored.

    `worker` carries out what each call leaves to do, after it; here that prints the messages.

    Every answer is checked. Raises DemoError, or CallError when the endpoint doesn't answer.
    """
    async with opened.owner() as connection:
        key = await _open_clinic(connection)
        plan = await _find_plan(connection)
        maya = await _free_number(connection, MAYA_NUMBERS)
        ben = await _free_number(connection, BEN_NUMBERS)
        bearer = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(base_url=address, headers=bearer, timeout=10) as http:
            scene = Scene(connection, http, plan, Transcript(short_ids=True), worker)
            booked = await _book(scene, maya)
            await _refuse_and_wait(scene, ben)
            await _move_and_cancel(scene, maya, booked)
            taken = await _take_the_offer(scene, ben)
        await _print_rows(scene, booked, taken)
        await _print_feed(connection, address, plan)
        await _print_dashboard(connection, address)
    _print_curl(address, key, plan)


async def _book(scene: Scene, number: str) -> str:
    """Check, hold, book. Returns the appointment's id."""
    plan, call = scene.plan, scene.dial(MAYA, number)
    free = await scene.ask(
        call,
        f"Hello. Could I see {plan.practitioner} on {plan.spoken_day}?",
        "checkAvailability",
        {
            "serviceType": SERVICE,
            "date": plan.day.isoformat(),
            "practitioner": plan.practitioner,
        },
    )
    first = free["slots"][0]
    _expect("the first free time is", plan.start, datetime.fromisoformat(first["startsAt"]))
    held = await scene.ask(
        call,
        "The first of those, please.",
        "holdSlot",
        {
            "scheduledAt": first["startsAt"],
            "serviceType": SERVICE,
            "practitioner": plan.practitioner,
        },
    )
    booked = await scene.ask(
        call,
        f"That's right. My name is {MAYA}.",
        "bookClinicAppointment",
        {
            "name": MAYA.lower(),
            "appointmentDate": plan.day.isoformat(),
            "appointmentTime": speak_time(plan.start.time(), locale=LOCALE),
            "practitioner": plan.practitioner,
            "holdId": held["holdId"],
        },
    )
    _expect("booked is", plan.start, datetime.fromisoformat(booked["scheduledAt"]))
    await scene.hang_up(call)
    return str(booked["appointmentId"])


async def _refuse_and_wait(scene: Scene, number: str) -> None:
    """Somebody else wants the same time, hears of others, and waits for it."""
    plan, call = scene.plan, scene.dial(BEN, number)
    at = speak_time(plan.start.time(), locale=LOCALE)
    refused = await scene.ask(
        call,
        f"{BEN} here. Has {plan.practitioner} time on {plan.spoken_day} at {at}?",
        "bookClinicAppointment",
        {
            "name": BEN,
            "scheduledAt": f"{plan.day.isoformat()} {at}",
            "practitioner": plan.practitioner,
        },
        expected=Outcome.SLOT_UNAVAILABLE,
    )
    if not refused["alternatives"]:
        raise DemoError("A refused booking should offer other times, and offers none.")
    await scene.ask(
        call,
        "None of those will do. Would you tell me if that time becomes free?",
        "joinWaitlist",
        {
            "name": BEN,
            "serviceType": SERVICE,
            "practitioner": plan.practitioner,
            "dateFrom": plan.day.isoformat(),
            "dateTo": plan.day.isoformat(),
            "timeOfDay": plan.part_of_day,
        },
    )
    await scene.hang_up(call)


async def _move_and_cancel(scene: Scene, number: str, appointment: str) -> None:
    """Maya moves, which frees her time for Ben, and then can't come at all."""
    plan, call = scene.plan, scene.dial(MAYA, number, again=True)
    known = await scene.ask(call, "Hello, it's Maya again.", "lookupCaller", {})
    _expect("Maya has coming up", [appointment], _coming_up(known))
    at = speak_time(plan.later.time(), locale=LOCALE)
    moved = await scene.ask(
        call,
        f"Could we make that {at}, on the same day?",
        "rescheduleAppointment",
        {"appointmentId": appointment, "scheduledAt": plan.later.replace(tzinfo=None).isoformat()},
    )
    _expect("moved to", plan.later, datetime.fromisoformat(moved["scheduledAt"]))
    await _show_offer(scene)
    cancelled = await scene.ask(
        call,
        "Oh no, I can't come that day at all. Please cancel it.",
        "cancelAppointment",
        {"appointmentId": appointment, "reason": "can't come that day"},
    )
    _expect("cancelled is", appointment, cancelled["appointmentId"])
    await scene.hang_up(call)


async def _show_offer(scene: Scene) -> None:
    """The move has freed a time: it is held for whoever waits, and they will be told."""
    row = await scene.connection.fetchrow(
        "SELECT leads.name, held.status, held.scheduled_at, "
        "  held.hold_expires_at - current_moment() AS lasts, deliveries.kind AS delivery, "
        "  deliveries.status AS delivery_status "
        "FROM waitlist "
        "JOIN leads ON leads.org_id = waitlist.org_id AND leads.id = waitlist.contact_id "
        "JOIN appointments AS held "
        "  ON held.org_id = waitlist.org_id AND held.id = waitlist.held_appointment_id "
        "JOIN deliveries "
        "  ON deliveries.org_id = waitlist.org_id AND deliveries.subject_id = held.id "
        "WHERE waitlist.org_id = $1 AND waitlist.status = 'offered' AND held.scheduled_at = $2",
        CLINIC,
        scene.plan.start,
    )
    if row is None:
        raise DemoError("The freed time should be offered to who waits for it, and isn't.")
    minutes = round(row["lasts"].total_seconds() / 60)
    _expect("the freed time is", f"held for {BEN}", f"{row['status']} for {row['name']}")
    scene.screen.line(
        "event",
        f"waitlist: the freed time is held for {row['name']} for {minutes} minutes; "
        f"delivery {row['delivery']}: {row['delivery_status']}",
    )
    await scene.worker.drain()


async def _take_the_offer(scene: Scene, number: str) -> str:
    """Ben takes what he was offered. Returns the appointment's id."""
    plan, call = scene.plan, scene.dial(BEN, number, again=True)
    known = await scene.ask(call, "Hello, it's Ben. Has that time become free?", "lookupCaller", {})
    offers = [offer for person in known["people"] for offer in person["offers"]]
    _expect("offers for Ben", 1, len(offers))
    booked = await scene.ask(
        call,
        "Yes, please!",
        "bookClinicAppointment",
        {
            "name": BEN,
            "scheduledAt": offers[0]["scheduledAt"],
            "practitioner": offers[0]["practitioner"],
            "holdId": offers[0]["holdId"],
        },
    )
    _expect("booked is", plan.start, datetime.fromisoformat(booked["scheduledAt"]))
    await scene.hang_up(call)
    return str(booked["appointmentId"])


def _coming_up(known: Mapping[str, Any]) -> list[str]:
    return [one["appointmentId"] for person in known["people"] for one in person["upcoming"]]


def _expect(what: str, expected: object, found: object) -> None:
    if found != expected:
        raise DemoError(f"The demo went wrong: {what} {found}, and not {expected}.")


async def _open_clinic(connection: asyncpg.Connection) -> str:
    """The demo's clinic, made once from its file, and a fresh key for it; yesterday's demo keys are
    dropped."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO organizations (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            CLINIC,
            CLINIC_NAME,
        )
        version = await connection.fetchval(
            "SELECT version FROM organizations WHERE id = $1 FOR UPDATE", CLINIC
        )
        if version == 1:  # never configured
            content = resources.files("voxanne.cli").joinpath(CLINIC_FILE).read_bytes()
            made = await configure_from_file(connection, CLINIC, content)
            if not made["success"]:
                raise DemoError(f"{CLINIC_FILE} is refused: {made['message']}")
    await connection.execute(
        "DELETE FROM credentials WHERE org_id = $1 AND created_at < now() - interval '1 day'",
        CLINIC,
    )
    return await organizations.create_key(connection, CLINIC, "agent", "voxanne demo")


async def _find_plan(connection: asyncpg.Connection) -> Plan:
    """The first day with room for the scene for which nobody waits already: whoever came first
    would be offered what the scene frees."""
    clinic = await connection.fetchrow(
        "SELECT timezone, horizon_days, (current_moment() AT TIME ZONE timezone)::date AS today "
        "FROM organizations WHERE id = $1",
        CLINIC,
    )
    assert clinic is not None
    waited_for = await connection.fetch(
        "SELECT date_from, date_to FROM waitlist "
        "WHERE org_id = $1 AND status IN ('waiting', 'offered')",
        CLINIC,
    )
    zone = ZoneInfo(clinic["timezone"])
    for ahead in range(DAYS_AHEAD_MIN, clinic["horizon_days"]):
        day = clinic["today"] + timedelta(days=ahead)
        if any(wish["date_from"] <= day <= wish["date_to"] for wish in waited_for):
            continue
        found = await functions.call(
            OwnerSession(connection),
            "check_availability",
            {
                "p_org_id": CLINIC,
                "p_service_type": SERVICE,
                "p_from": datetime.combine(day, time(), zone),
                "p_until": datetime.combine(day + timedelta(days=1), time(), zone),
                "p_limit": STARTS_MAX,
                "p_spread": False,
            },
        )
        if not found["success"]:
            raise DemoError(f"The demo's clinic can't be booked: {found['error']}.")
        if plan := _plan_within(found["slots"], zone):
            return plan
    raise DemoError("The demo's diary is full. Delete VOXANNE_DATA_DIR to start afresh.")


def _plan_within(slots: Sequence[Mapping[str, str]], zone: ZoneInfo) -> Plan | None:
    """A practitioner's first and last free time of a day, if the last isn't within the first."""
    for name in sorted({slot["practitioner_name"] for slot in slots}):
        theirs = [slot for slot in slots if slot["practitioner_name"] == name]
        start, ends, later = (
            datetime.fromisoformat(moment).astimezone(zone)
            for moment in (theirs[0]["starts_at"], theirs[0]["ends_at"], theirs[-1]["starts_at"])
        )
        if ends <= later:
            return Plan(name, start, later)
    return None


async def _free_number(connection: asyncpg.Connection, endings: range) -> str:
    """A number under which nothing is to come, whatever an interrupted demo has left."""
    found: str | None = await connection.fetchval(
        "SELECT number FROM unnest($2::text[]) WITH ORDINALITY AS numbers (number, place) "
        "WHERE NOT EXISTS ("
        "  SELECT FROM leads WHERE leads.org_id = $1 AND phone = number AND ("
        "    EXISTS (SELECT FROM appointments WHERE org_id = $1 AND contact_id = leads.id "
        "            AND status IN ('held', 'confirmed') AND ends_at > current_moment()) "
        "    OR EXISTS (SELECT FROM waitlist WHERE org_id = $1 AND contact_id = leads.id "
        "               AND status IN ('waiting', 'offered')))) "
        "ORDER BY place LIMIT 1",
        CLINIC,
        [f"+447700900{ending:03}" for ending in endings],
    )
    if found is None:
        raise DemoError(
            "The demo's people are all booked. Delete VOXANNE_DATA_DIR to start afresh."
        )
    return found


async def _print_rows(scene: Scene, *appointments: str) -> None:
    rows = await scene.connection.fetch(
        "SELECT a.id, l.name, l.phone, p.name AS practitioner, a.service_type, a.scheduled_at, "
        "  a.status, a.version, "
        "  (SELECT string_agg(kind || ' ' || d.status, ', ' ORDER BY kind, d.status) "
        "   FROM deliveries d WHERE d.org_id = a.org_id AND d.subject_id = a.id) AS deliveries "
        "FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place) "
        "JOIN appointments a ON a.org_id = $1 AND a.id = asked.id "
        "JOIN leads l ON l.org_id = a.org_id AND l.id = a.contact_id "
        "JOIN practitioners p ON p.org_id = a.org_id AND p.id = a.practitioner_id "
        "ORDER BY place",
        CLINIC,
        [UUID(appointment) for appointment in appointments],
    )
    _expect("the stored rows are", ["cancelled", "confirmed"], [row["status"] for row in rows])
    table = Table.grid(padding=(0, 2))
    for row in rows:
        for name, value in dict(row).items():
            table.add_row(name, Text(str(value)))
        table.add_row()
    screen = scene.screen.screen
    screen.print()
    title = "the booked rows, in PostgreSQL"
    screen.print(Panel(table, title=title, expand=False), width=scene.screen.columns)


async def _print_feed(connection: asyncpg.Connection, address: str, plan: Plan) -> None:
    whose = await named_practitioner(connection, CLINIC, plan.practitioner)
    feed = await open_feed(connection, CLINIC, whose, address)
    click.echo(f"\n{plan.practitioner}'s calendar, for any calendar program:\n\n{feed['url']}")


async def _print_dashboard(connection: asyncpg.Connection, address: str) -> None:
    """With a link that signs its owner in, once."""
    member = await connection.fetchval("SELECT id FROM staff_accounts WHERE email = $1", OWNER)
    if member is None:
        kind, token = await add_member(connection, CLINIC, OWNER, "owner", name="Robin Harbor")
    else:
        kind, token = "sign_in", await make_link(connection, OWNER)
    click.echo(
        f"\nThe dashboard, signed in as its owner (the link works once):\n\n"
        f"{link_address(address, kind, token)}"
    )


def _print_curl(address: str, key: str, plan: Plan) -> None:
    arguments = {
        "name": "Ada Lovelace",
        "phone": "+447700900456",
        "appointmentDate": plan.day.isoformat(),
        "appointmentTime": speak_time(plan.start.time(), locale=LOCALE),
        "practitioner": plan.practitioner,
    }
    body = json.dumps({"toolCallId": "t1", "tool": {"arguments": arguments}})
    click.echo("\nAsk for the same time as somebody else (SLOT_UNAVAILABLE), or change it:\n")
    click.echo(
        f"curl -s {address}/api/vapi/tools/bookClinicAppointment \\\n"
        f"  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )

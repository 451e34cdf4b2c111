"""A clinic as it is after some weeks: the diary, people, calls, texts, and what needs somebody.

For browser tests and screenshots; no test in here. All through the product's own functions, at the
moments at which it happened, so that every page has what it would have.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from tests.browser import story
from tests.browser.story import Call, Visit
from tests.database import Database
from voxanne.booking.normalize import normalize_phone
from voxanne.clinic_files.configuration import read_configuration
from voxanne.deliveries.promise_check import PromiseCheck
from voxanne.language.speech import speak_date, speak_time
from voxanne.postgres.organizations import create_organization
from voxanne.texts.messages import write_text

ZONE: Final = ZoneInfo(story.ZONE)
NOW: Final = datetime.combine(story.TODAY, story.CLOCK, ZONE)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
STAFF: Final = "desk@harbor.example"

Json = dict[str, Any]
Act = Callable[[], Awaitable[None]]


@dataclass
class Scene:
    """Where everything is, by the names in `story`. `appointments`: today's, by their patient."""

    database: Database
    org_id: UUID
    staff_id: UUID
    practitioners: dict[str, UUID]
    appointments: dict[str, UUID] = field(default_factory=dict)
    leads: dict[str, UUID] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)  # who was booked in it → its id


@dataclass
class _Teller:
    """Tells the story: what happens, at its moment."""

    scene: Scene
    owner: asyncpg.Connection
    agenda: list[tuple[datetime, Act]] = field(default_factory=list)
    failing: dict[UUID, story.Fate] = field(default_factory=dict)
    booked: dict[tuple[Visit, datetime], UUID] = field(default_factory=dict)
    texts: int = 0

    async def call(self, function: str, **given: object) -> Json:
        return await self.scene.database.call(self.owner, function, self.scene.org_id, **given)

    async def done(self, function: str, **given: object) -> Json:
        answer = await self.call(function, **given)
        assert answer["success"], (function, given, answer)
        return answer

    async def value(self, query: str, *arguments: object) -> Any:
        return await self.owner.fetchval(query, self.scene.org_id, *arguments)

    def at(self, moment: datetime, act: Act) -> None:
        self.agenda.append((moment, act))

    async def tell(self) -> None:
        for moment, act in sorted(self.agenda, key=lambda entry: entry[0]):
            await self.scene.database.set_clock(moment)
            await act()

    # Visits

    def visit(self, visit: Visit, day: date, number: int) -> None:
        starts = datetime.combine(day, time.fromisoformat(visit.clock), ZONE)
        made = min(starts - (2 + number % 7) * DAY, NOW - HOUR)
        made = made.replace(hour=8 + number * 7 % 11, minute=number * 13 % 60)
        if made > NOW - 10 * MINUTE:
            made -= DAY
        if visit.overbooked or visit.fate == "unsynced":  # this morning
            made = NOW - 25 * MINUTE
        call_id = f"call-{number:03}" if visit.by == "phone" else None

        async def book() -> None:
            await self.book(visit, starts, call_id)

        self.at(made, book)
        if call_id is not None:
            self.at(made + 2 * MINUTE, lambda: self.report_booking(visit, starts, call_id, made))
        self.fate(visit, starts, made)

    async def book(self, visit: Visit, starts: datetime, call_id: str | None) -> None:
        phone = normalize_phone(story.phone_of(visit.name), "US")
        assert phone is not None
        overbooked = {
            "allow_overlap": True,
            "overlap_reason": "Broken crown, in pain: seen between two others",
        }
        booked = await self.scene.database.book(
            self.owner,
            self.scene.org_id,
            patient_name=visit.name,
            patient_phone=phone.e164,
            phone_verified=phone.verified,
            patient_email=story.email_of(visit.name),
            service_type=visit.service,
            scheduled_at=starts,
            practitioner_id=self.scene.practitioners[visit.practitioner],
            source={"phone": "voice", "desk": "staff", "page": "rest"}[visit.by],
            call_id=call_id,
            **(overbooked if visit.overbooked else {}),
        )
        assert booked["success"], (visit, starts, booked)
        id_ = UUID(booked["appointment_id"])
        self.scene.leads[visit.name] = UUID(booked["contact_id"])
        if starts.date() == story.TODAY:
            self.scene.appointments[visit.name] = id_
        if visit.fate in ("failed_text", "unsynced"):
            self.failing[id_] = visit.fate
        await self.deliver()
        self.booked[visit, starts] = id_

    def fate(self, visit: Visit, starts: datetime, made: datetime) -> None:
        before = max(starts - DAY - HOUR, made + HOUR)
        ends = min(starts + 3 * HOUR, NOW)

        async def change(function: str, **given: object) -> None:
            given = {"appointment_id": self.booked[visit, starts], **given}
            await self.done(function, **given)
            await self.deliver()

        match visit.fate:
            case "by_link":
                self.at(min(before, NOW), lambda: change("confirm_by_patient"))
            case "by_text":
                self.at(min(before, NOW), lambda: self.reply(visit))
            case "cancelled":
                self.at(min(before, NOW), lambda: change("cancel_appointment", reason="Has a cold"))
            case "moved":
                # Made for an hour later, and put off until now.
                later = starts + 15 * MINUTE
                self.at(
                    min(before, NOW),
                    lambda: change("reschedule_appointment", scheduled_at=later, source="staff"),
                )
            case _:
                pass
        if starts + HOUR < NOW and visit.fate != "cancelled":
            status = "no_show" if visit.fate == "no_show" else "completed"
            self.at(ends, lambda: change("mark_appointment", status=status, source="staff"))

    async def reply(self, visit: Visit) -> None:
        self.texts += 1
        await self.done(
            "take_text",
            external_id=f"SMin{self.texts:04}",
            our_number=story.OUR_NUMBER,
            their_number=story.phone_of(visit.name),
            body="C",
            meaning="confirm",
        )
        await self.deliver()

    # What goes out

    async def deliver(self) -> None:
        """As a worker would, with vendors that work, but for some numbers."""
        for channel in ("calendar", "sms", "email", "alert"):
            claimed = json.loads(
                await self.value(
                    "SELECT claim_organization_deliveries($1, $2, 50, 50, 60)", channel
                )
            )
            for delivery in claimed["deliveries"]:
                if channel == "sms":
                    await self.text(claimed["organization"], delivery)
                elif channel == "calendar":
                    await self.sync(delivery)
                else:
                    await self.finish(delivery, "sent" if channel == "email" else "voided")

    async def sync(self, delivery: Json) -> None:
        if self.failing.get(UUID(delivery["subject_id"])) != "unsynced":
            await self.finish(delivery, "delivered")
            return
        about = (delivery["kind"], delivery["version"], delivery["attempt"])
        query = (
            "SELECT finish_delivery($1, $2, $3, $4, $5, 'queued', NULL, 'calendar_broken', "
            "'The calendar must be connected again.', 'infinity')"
        )
        assert await self.value(query, UUID(delivery["subject_id"]), *about)

    async def text(self, organization: Json, delivery: Json) -> None:
        self.texts += 1
        subject, details = UUID(delivery["subject_id"]), delivery["details"]
        body = write_text(
            delivery["kind"], organization, details, lambda token: f"https://harbor.example/{token}"
        )
        about = (subject, delivery["kind"], delivery["version"], delivery["attempt"])
        query = "SELECT save_text($1, $2, $3, $4, $5, $6, $7, $8)"
        text = await self.value(query, *about, story.OUR_NUMBER, details["to"], body)
        external = f"SMout{self.texts:04}"
        query = "SELECT record_sent_text($1, $2, $3, $4)"
        await self.value(query, text, delivery["attempt"], external)
        await self.finish(delivery, "sent", external)
        status: Json = {"status": "delivered"}
        if self.failing.get(subject) == "failed_text" and delivery["kind"] != "sms_reply":
            status = {
                "status": "undelivered",
                "error_code": "30007",
                "error": "The carrier refused it as unwanted.",
            }
        given = {"text_id": text, "attempt": delivery["attempt"], "external_id": external}
        await self.done("take_text_status", **given, **status)

    async def finish(self, delivery: Json, status: str, external: str | None = None) -> None:
        about = (delivery["kind"], delivery["version"], delivery["attempt"])
        query = "SELECT finish_delivery($1, $2, $3, $4, $5, $6, $7)"
        assert await self.value(query, UUID(delivery["subject_id"]), *about, status, external)

    # What was said

    async def report_booking(
        self, visit: Visit, starts: datetime, call_id: str, began: datetime
    ) -> None:
        self.scene.calls[visit.name] = call_id
        told = starts
        if visit.name == "Omar Kowalski":  # it said half an hour too early
            told = starts - 30 * MINUTE
        day = speak_date(told.date(), today=began.date(), locale="en_US")
        clock = speak_time(told.time(), locale="en_US")
        await self.report(
            Call(
                call_id,
                story.phone_of(visit.name),
                0,
                97 + len(visit.name) * 5,
                f"Booked: {visit.service}, {day} at {clock}.",
                story.transcript(visit.name, visit.service.replace("-", " "), day, clock),
                sentiment="positive" if len(visit.name) % 2 else "neutral",
            ),
            began,
            {
                "structured": {"booked": True, "when": told.strftime("%Y-%m-%dT%H:%M")},
                "tools": [
                    _tool("checkAvailability", began + 40 * timedelta(seconds=1), 38),
                    _tool("bookClinicAppointment", began + 70 * timedelta(seconds=1), 61),
                ],
            },
        )

    async def report(self, call: Call, began: datetime, more: Json) -> None:
        report = {
            "caller": call.caller,
            "our_number": story.OUR_NUMBER,
            "source": "inbound",
            "language": call.language,
            "end_reason": call.end_reason,
            "started_at": began.isoformat(),
            "ended_at": (began + timedelta(seconds=call.seconds)).isoformat(),
            "transcript": call.transcript,
            "summary": call.summary,
            "recording_url": f"https://recordings.harbor.example/{call.call_id}.wav",
            "cost_usd": round(call.seconds * 0.0019, 4),
            "latency_ms": 640 + call.seconds % 90,
            "sentiment": call.sentiment,
            "urgency": call.urgency,
            **more,
        }
        known = {name: value for name, value in report.items() if value not in (None, "")}
        await self.value(
            "SELECT record_voice_message($1, $2, 'end-of-call-report', '{}', $3, $4)",
            call.call_id,
            began + timedelta(seconds=call.seconds),
            json.dumps(known),
        )


def _tool(name: str, at: datetime, milliseconds: int) -> Json:
    return {
        "tool": name,
        "outcome": "SUCCESS",
        "duration_ms": milliseconds,
        "at": at.astimezone(ZoneInfo("UTC")).isoformat(),
    }


class _Session:
    """The owner's session, as a worker's database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch_value(self, query: str, *arguments: object) -> object:
        return await self.connection.fetchval(query, *arguments)


async def fill(database: Database) -> Scene:
    """Returns with the clock at Wednesday 25 November 2026, 10:40 in New York."""
    owner = await database.owner()
    await database.set_clock(NOW - 30 * DAY)
    scene = await _open_clinic(database, owner)
    teller = _Teller(scene, owner)
    visits = [(story.TODAY, visit) for visit in (*story.todays(), story.OVERBOOKED)]
    for number, (day, visit) in enumerate([*story.others(), *visits]):
        teller.visit(visit, day, number)
    _conversations(teller)
    _calendars(teller)
    await teller.tell()
    await database.set_clock(NOW)
    await _settle(teller)
    return scene


async def _open_clinic(database: Database, owner: asyncpg.Connection) -> Scene:
    org_id = await create_organization(owner, "Harbor Dental", timezone=story.ZONE, country="US")
    current = await database.call(owner, "clinic_configuration", org_id)
    read = read_configuration(story.CONFIGURATION.encode(), current, story.TODAY - 30 * DAY)
    answer = await database.call(
        owner,
        "configure_clinic",
        org_id,
        document=json.dumps(read.document),
        version=current["version"],
        confirmed=True,
        source="staff",
    )
    assert answer["success"], answer
    staff_id = await owner.fetchval(
        "INSERT INTO staff_accounts (email, name) VALUES ($1, 'Dana Whitfield') RETURNING id", STAFF
    )
    await owner.execute(
        "INSERT INTO memberships (org_id, staff_id, role) VALUES ($1, $2, 'owner')",
        org_id,
        staff_id,
    )
    account = await database.call(
        owner,
        "set_sms_account",
        org_id,
        account_sid="AC" + "0123456789abcdef" * 2,
        encrypted_token=b"sealed",
        number=story.OUR_NUMBER,
    )
    assert account["success"], account
    rows = await owner.fetch(
        "SELECT name, id FROM practitioners WHERE org_id = $1 AND active", org_id
    )
    return Scene(database, org_id, staff_id, {row["name"]: row["id"] for row in rows})


def _conversations(teller: _Teller) -> None:
    for call in story.CALLS:
        began = NOW - call.hours_ago * HOUR
        ended = began + timedelta(seconds=call.seconds)
        teller.at(ended, partial(teller.report, call, began, {}))
    for name, body, urgency, hours in story.MESSAGES:
        given = {"body": body, "urgency": urgency, "name": name}
        given |= {"caller_phone": story.phone_of(name), "source": "voice"}
        teller.at(NOW - hours * HOUR, partial(_do, teller, "take_message", given))
    teller.at(NOW - 18 * HOUR, partial(_do, teller, "save_consent", _consent("Noah Haddad")))
    teller.at(NOW - 18 * HOUR, partial(_stop, teller, "Gary Finch"))
    for service, practitioner, clock, caller in story.HELD:
        held = {
            "service_type": service,
            "scheduled_at": datetime.combine(story.TODAY, time.fromisoformat(clock), ZONE),
            "practitioner_id": teller.scene.practitioners[practitioner],
            "call_id": f"call-now-{practitioner.split()[-1].lower()}",
            "caller_phone": caller,
            "source": "voice",
        }
        teller.at(NOW - 2 * MINUTE, partial(_do, teller, "hold_slot", held))
    wish = {"name": "Leila Haddad", "phone": story.phone_of("Leila Haddad")}
    teller.at(
        NOW - 26 * HOUR,
        lambda: _do(teller, "join_waitlist", {**wish, "service_type": "whitening"}),
    )
    teller.at(NOW - 24 * HOUR, lambda: _remind(teller))
    teller.at(NOW - 2 * HOUR, lambda: _remind(teller))


def _calendars(teller: _Teller) -> None:
    """Everybody's is connected; one broke this morning, and what is booked since then waits."""

    async def connect() -> None:
        for name, id_ in teller.scene.practitioners.items():
            account = f"{name.lower().split()[-1]}@harbor.example"
            await teller.done(
                "connect_calendar",
                practitioner_id=id_,
                vendor="google",
                calendar="primary",
                account=account,
                credentials=b"sealed",
            )

    async def break_one() -> None:
        broken = await teller.value(
            "SELECT id FROM calendar_connections WHERE org_id = $1 AND practitioner_id = $2",
            teller.scene.practitioners[story.BECKER],
        )
        await teller.call(
            "break_calendar",
            connection_id=broken,
            credentials_version=1,
            error_code="invalid_grant",
            error="Google no longer accepts the permission. Connect the calendar again.",
        )

    teller.at(NOW - 29 * DAY, connect)
    teller.at(NOW - 3 * HOUR, break_one)


def _consent(name: str) -> Json:
    return {"phone": story.phone_of(name), "kind": "opt_in", "source": "staff"}


async def _do(teller: _Teller, function: str, given: Json) -> None:
    await teller.done(function, **given)
    await teller.deliver()


async def _stop(teller: _Teller, name: str) -> None:
    given = {"external_id": "SMstop", "our_number": story.OUR_NUMBER, "body": "STOP"}
    given |= {"their_number": story.phone_of(name), "meaning": "opt_out", "word": "STOP"}
    await _do(teller, "take_text", given)


async def _remind(teller: _Teller) -> None:
    await teller.value("SELECT queue_reminders($1)")
    await teller.deliver()


async def _settle(teller: _Teller) -> None:
    """What staff and the worker's chores do: notes, one person of two, promises, scores."""
    scene = teller.scene
    for name, body in story.NOTES:
        given = {"lead_id": scene.leads[name], "staff_id": scene.staff_id, "author": STAFF}
        await teller.done("add_note", body=body, **given)
    await _merge(teller)
    await teller.value("SELECT link_calls($1)")
    await PromiseCheck(_Session(teller.owner)).run()
    done = await teller.value(
        "SELECT id FROM messages WHERE org_id = $1 ORDER BY created_at LIMIT 1"
    )
    await teller.done("mark_message", message_id=done, status="done")
    for lead in set(scene.leads.values()):
        await teller.done("score_lead", lead_id=lead)


async def _merge(teller: _Teller) -> None:
    """Bob Brown, who called from another number, is Robert Brown."""
    starts = datetime.combine(date(2026, 12, 4), time(9), ZONE)
    await teller.book(Visit("Bob Brown", "check-up", story.ROSSI, "09:00"), starts, None)
    given = {"lead_id": teller.scene.leads["Robert Brown"], "staff_id": teller.scene.staff_id}
    await teller.done("merge_leads", other_id=teller.scene.leads["Bob Brown"], **given)

"""Two clinics in which everything happens that can, all of it rightly; and what their callers saw.

No test in here.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.database import Booking, Database
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    NOW,
    OVERBOOK,
    STAFF,
    TOM,
    TUESDAY,
    Caller,
    Diary,
    at,
    open_clinic,
)
from tests.sql.outbox import Outbox
from voxanne.stress.oracle import Entry, Journal

WEDNESDAY = TUESDAY + DAY
ZOE = Caller("Zoé Ångström", "+442079460333")
SAM = Caller("sam van quill", "+44 20 7946 0444")
HOUR = timedelta(hours=1)


@dataclass
class Scene:
    """`now` stands still unless it is moved; the journal's clock shows the seconds since NOW."""

    diary: Diary
    other: Diary
    journal: Journal = field(default_factory=Journal)
    now: datetime = NOW
    bookings: dict[str, Booking] = field(default_factory=dict)

    async def wait(self, passed: timedelta) -> None:
        self.now += passed
        await self.diary.set_clock(self.now)

    def saw(
        self, operation: str, answer: Booking, diary: Diary | None = None, **asked: Any
    ) -> None:
        """Writes down what a caller asked and was told, half a second around the moment."""
        seconds = (self.now - NOW).total_seconds()
        id_ = answer.get("appointment_id")
        self.journal.append(
            Entry(
                number=len(self.journal) + 1,
                operation=operation,
                org_id=(diary or self.diary).org_id,
                began=seconds - 0.25,
                ended=seconds + 0.25,
                asked=asked,
                outcome="SUCCESS" if answer["success"] else answer["error"],
                appointment_id=UUID(id_) if id_ else None,
                version=answer.get("version"),
                replayed=bool(answer.get("replayed")),
                answer={
                    name: answer[name]
                    for name in ("scheduled_at", "practitioner_id", "hold_id")
                    if answer.get(name)
                },
            )
        )

    async def book(self, start: datetime, caller: Caller = ANN, /, **more: Any) -> Booking:
        """`diary`: another clinic's."""
        whose: Diary = more.pop("diary", self.diary)
        answer = await whose.book(start, caller, **more)
        key = more.get("idempotency_key")
        practitioner = more.get("practitioner_id")
        self.saw(
            "book",
            answer,
            whose,
            start=start.isoformat(),
            name=caller.name,
            phone=caller.phone,
            service=more.get("service_type", "consultation"),
            **({"key": key} if key else {}),
            **({"practitioner_id": str(practitioner)} if practitioner else {}),
        )
        return answer

    async def move(self, booking: Booking, start: datetime, **more: Any) -> Booking:
        answer = await self.diary.move(booking, start, **more)
        asked = {"start": start.isoformat(), "appointment_id": booking["appointment_id"]}
        self.saw("staff_move" if more else "move", answer, **asked)
        return answer

    async def cancel(self, booking: Booking, **more: Any) -> Booking:
        answer = await self.diary.cancel(booking, **more)
        self.saw("cancel", answer, appointment_id=booking["appointment_id"])
        return answer

    async def hold(self, start: datetime, call_id: str = "call-1", **more: Any) -> Booking:
        answer = await self.diary.hold(start, call_id, **more)
        service = more.get("service_type", "consultation")
        self.saw("hold", answer, start=start.isoformat(), service=service)
        return answer


async def open_scene(database: Database) -> Scene:
    """Two practitioners, a room for operations, buffers; and a bare clinic beside it."""
    diary = await open_clinic(database, reminder_hours=[24, 2])
    await diary.practitioners("Dr Grey", "Dr Stone")
    await diary.service("consultation", 30)
    await diary.service("operation", 60, buffer_before_minutes=10, buffer_after_minutes=20)
    await diary.room("operation", name="Theatre")
    other = replace(diary, org_id=await database.organization(name="Elsewhere"))
    return Scene(diary, other)


async def play(scene: Scene) -> None:
    """Everything, in the order in which it can happen."""
    await _bookings(scene)
    await _holds(scene)
    await _overbooking(scene)
    await _waiting(scene)
    await _people(scene)
    await _deliveries(scene)
    await _what_became_of_them(scene)


async def _bookings(scene: Scene) -> None:
    grey = UUID(int=1)
    first = await scene.book(at("09:00"), ANN, practitioner_id=grey, idempotency_key="key-1")
    scene.bookings["ann"] = first
    await scene.book(at("09:00"), ANN, practitioner_id=grey, idempotency_key="key-1")
    await scene.book(at("09:00"), BOB, practitioner_id=grey, idempotency_key="refused")
    scene.bookings["bob"] = await scene.book(at("09:00"), BOB, patient_email="Bob@Example.COM")
    await scene.wait(MINUTE)
    await scene.move(first, at("10:00", WEDNESDAY))
    await scene.move(first, at("11:00", WEDNESDAY), **STAFF, practitioner_id=UUID(int=2))
    operation = {"service_type": "operation"}
    scene.bookings["operation"] = await scene.book(at("14:00"), ZOE, **operation)
    await scene.book(at("15:00"), TOM, **operation)  # the buffers are in the way
    scene.bookings["last_operation"] = await scene.book(at("15:30"), SAM, **operation)
    gone = await scene.book(at("16:00", WEDNESDAY), EVE, idempotency_key="key-2")
    await scene.cancel(gone, idempotency_key="cancel-2")
    await scene.cancel(gone)
    await scene.book(at("16:00", WEDNESDAY), EVE)
    imported = await scene.book(
        at("08:00", WEDNESDAY),
        TOM,
        source="import",
        duration_minutes=45,
        idempotency_key="import/1",
    )
    await scene.diary.owner.execute(
        "UPDATE deliveries SET status = 'voided' WHERE subject_id = $1 AND kind <> 'calendar'",
        UUID(imported["appointment_id"]),
    )
    here = await scene.book(at("09:00"), ANN, diary=scene.other)
    assert here["success"], here


async def _holds(scene: Scene) -> None:
    noon = at("12:00")
    await scene.hold(noon, "call-1", practitioner_id=UUID(int=1))
    await scene.book(noon, EVE, call_id="call-1", practitioner_id=UUID(int=1))
    released = await scene.hold(at("12:30"), "call-2")
    await scene.diary.call("release_hold", hold_id=UUID(released["hold_id"]), call_id="call-2")
    await scene.hold(at("13:00"), "call-3", practitioner_id=UUID(int=1))
    await scene.wait(10 * MINUTE)
    await scene.book(at("13:00"), BOB, practitioner_id=UUID(int=1))  # it had lapsed
    await scene.hold(at("13:30"), "call-4")
    await scene.hold(at("13:30"), "call-5")


async def _overbooking(scene: Scene) -> None:
    stone = UUID(int=2)
    under = await scene.book(at("17:00"), TOM, practitioner_id=stone)
    over = await scene.book(at("17:15"), EVE, practitioner_id=stone, **OVERBOOK)
    await scene.cancel(under)
    assert not (await scene.diary.row(over))["overlap_allowed"]
    scene.bookings["over"] = await scene.book(at("17:30"), ANN, practitioner_id=stone, **OVERBOOK)
    assert (await scene.diary.row(scene.bookings["over"]))["overlap_allowed"]


async def _waiting(scene: Scene) -> None:
    """One accepts, the other declines and is offered another time."""
    days = {"date_from": TUESDAY, "date_to": WEDNESDAY}
    for caller, start, function in (
        (ZOE, at("10:00"), "accept_offer"),
        (SAM, at("11:00"), "decline_offer"),
    ):
        wish = await scene.diary.join(caller, **days)
        await scene.cancel(await scene.book(start, BOB, practitioner_id=UUID(int=1)))
        answer = await scene.diary.answer_offer(function, wish)
        assert answer["success"], answer
        if function == "accept_offer":
            who = {"name": caller.name, "phone": caller.phone}
            scene.saw("accept", answer, None, start=start.isoformat(), **who)
    await scene.cancel(await scene.book(at("12:00", WEDNESDAY), BOB))
    offered = "SELECT count(*) FROM waitlist WHERE status = 'offered'"
    assert await scene.diary.owner.fetchval(offered) == 1


async def _people(scene: Scene) -> None:
    diary, ann = scene.diary, UUID(scene.bookings["ann"]["contact_id"])
    bob = UUID(scene.bookings["bob"]["contact_id"])
    merged = await diary.call("merge_leads", lead_id=ann, other_id=bob, staff_id=None)
    await diary.call("undo_lead_change", change_id=UUID(merged["change_id"]), staff_id=None)
    split = await diary.call(
        "split_lead",
        lead_id=ann,
        name="Anna Taylor",
        appointments=[UUID(scene.bookings["ann"]["appointment_id"])],
        staff_id=None,
    )
    assert merged["success"]
    assert split["success"]
    await diary.call(
        "take_message", body="Call me", name="Tom", caller_phone=TOM.phone, urgency="high"
    )
    await scene.book(at("10:00", WEDNESDAY + DAY), Caller("Gone Person", "+442079460555"))
    gone = await diary.owner.fetchval("SELECT id FROM leads WHERE phone = '+442079460555'")
    erased = await diary.call("erase_person", lead_id=gone, actor="desk", cancel_appointments=True)
    assert erased["success"], erased
    cancelled = await diary.owner.fetchval("SELECT id FROM appointments WHERE metadata ? 'erased'")
    told = {"success": True, "appointment_id": str(cancelled)}
    scene.saw("staff_cancel", told, appointment_id=str(cancelled))


async def _deliveries(scene: Scene) -> None:
    """All is delivered; one text fails at first, and one message is overtaken while it waits."""
    outbox = Outbox(scene.diary)
    bob = scene.bookings["bob"]
    number = 0
    for channel in ("calendar", "sms", "email", "alert"):
        while claimed := await outbox.claim(channel):
            for one in claimed:
                number += 1
                status = {"calendar": "delivered", "alert": "delivered"}.get(channel, "sent")
                if number % 7 == 0 and one["attempt"] == 1:
                    status = "queued"
                await outbox.finish(one, status, external_id=f"{channel}-{number}")
    await scene.diary.call("confirm_by_patient", appointment_id=UUID(bob["appointment_id"]))
    await scene.wait(23 * HOUR)
    await scene.diary.number("queue_reminders")
    for one in await outbox.claim("sms"):
        await outbox.finish(one, "failed", error_code="30003")
    for one in await outbox.claim("alert"):
        await outbox.finish(one)


async def _what_became_of_them(scene: Scene) -> None:
    await scene.wait(12 * HOUR)  # Tuesday evening
    for name, *marks in (
        ("bob", "completed"),
        ("operation", "no_show", "confirmed", "completed"),
    ):
        for mark in marks:
            marked = await scene.diary.mark(scene.bookings[name], mark)
            assert marked["success"], marked
            scene.saw("staff_mark", marked, appointment_id=scene.bookings[name]["appointment_id"])

"""The worked bridge: what happens here comes to the practice's own diary, what is done there comes
back, and FHIR readers see both.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.slot import Slot

from examples.bridge.bridge import create_bridge
from examples.bridge.exchange import Exchange
from examples.bridge.practice import Practice
from tests.database import Database
from tests.integration.receivers import Telling, telling
from tests.integration.v1_requests import HOUR, THURSDAY, Client, moment

pytestmark = pytest.mark.asyncio(loop_scope="function")

TOKEN = "a-reader-of-fhir"
DAY = THURSDAY.date().isoformat()


@dataclass
class Stage:
    """A clinic at Voxanne, the practice's own system, and the bridge between them."""

    telling: Telling
    practice: Practice
    exchange: Exchange
    bridge: httpx2.AsyncClient

    @property
    def clinic(self) -> Client:
        return self.telling.staff

    async def deliver(self) -> None:
        """Voxanne's worker sends what is due, and the bridge is given it; then it reads."""
        await self.telling.work()
        for message in self.telling.receiver.received:
            answer = await self.bridge.post(
                "/hooks/voxanne", content=message.body, headers=message.headers
            )
            assert answer.status_code == 204, answer.text
        self.telling.receiver.received.clear()
        await self.exchange.take_in()

    async def fhir(self, path: str, expected: int = 200, /, **wanted: Any) -> dict[str, Any]:
        answer = await self.bridge.get(
            f"/fhir/{path}", params=wanted or None, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert answer.status_code == expected, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        found: dict[str, Any] = answer.json()
        return found


@pytest_asyncio.fixture
async def stage(database: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        told = await stack.enter_async_context(telling(database))
        webhook = await told.add()
        voxanne = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=told.api.http._transport,
                base_url="http://clinic.test",
                headers={"Authorization": f"Bearer {told.staff.clinic.key}"},
            )
        )
        practice = Practice(tmp_path / "practice.db")
        app = create_bridge(practice, voxanne, webhook["secret"], TOKEN)
        bridge = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://bridge.test"
            )
        )
        yield Stage(told, practice, Exchange(practice, voxanne), bridge)


async def test_what_the_phone_books_moves_and_cancels_is_in_the_practices_diary(
    stage: Stage,
) -> None:
    booked = await stage.clinic.book(THURSDAY)
    await stage.deliver()
    (row,) = stage.practice.diary()
    assert (row["appointment_id"], row["status"]) == (booked["id"], "confirmed")
    assert (row["patient"], row["starts_at"]) == ("Maya Okafor", moment(THURSDAY))

    await stage.clinic.patch(
        f"appointments/{booked['id']}", {"scheduled_at": moment(THURSDAY + HOUR)}
    )
    await stage.clinic.post(f"appointments/{booked['id']}/cancel", {})
    await stage.deliver()
    (row,) = stage.practice.diary()
    assert (row["status"], row["starts_at"]) == ("cancelled", moment(THURSDAY + HOUR))


async def test_a_webhook_twice_late_or_forged_does_no_harm(stage: Stage) -> None:
    booked = await stage.clinic.book(THURSDAY)
    await stage.telling.work()
    messages = list(stage.telling.receiver.received)
    await stage.clinic.post(f"appointments/{booked['id']}/cancel", {})
    await stage.deliver()
    for message in messages * 2:
        await stage.bridge.post("/hooks/voxanne", content=message.body, headers=message.headers)
    assert stage.practice.untreated() == []
    (row,) = stage.practice.diary()
    assert row["status"] == "cancelled"

    forged = messages[0].body.replace(b"booked", b"cancelled")
    answer = await stage.bridge.post("/hooks/voxanne", content=forged, headers=messages[0].headers)
    assert answer.status_code == 401
    answer = await stage.bridge.post("/hooks/voxanne", content=b"x" * 70_000)
    assert answer.status_code == 413


async def test_a_booking_made_at_the_desk_takes_the_time_on_the_phone(stage: Stage) -> None:
    body = {
        "name": "Ben Carter",
        "phone": "+447700900456",
        "service_type": "consultation",
        "scheduled_at": moment(THURSDAY),
    }
    made = stage.practice.change("book", body)
    await stage.exchange.send_out()
    assert stage.practice.outcome(made) == ("done", "")
    (row,) = stage.practice.diary()
    await stage.clinic.refused("POST", "appointments", 409, **{**body, "phone": "+447700900457"})

    # Sent again, as after a crash before the answer was written down: the same appointment.
    with stage.practice._open() as diary:
        diary.execute("UPDATE outgoing SET outcome = NULL")
    await stage.exchange.send_out()
    assert [each["appointment_id"] for each in stage.practice.diary()] == [row["appointment_id"]]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_what_decides_nothing_leaves_the_change_for_later(
    tmp_path: Path, status: int
) -> None:
    practice = Practice(tmp_path / "practice.db")
    made = practice.change("cancel", {}, "7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d")
    answering = httpx2.MockTransport(lambda _: httpx2.Response(status, text="<html>no JSON</html>"))
    async with httpx2.AsyncClient(transport=answering, base_url="http://clinic.test") as voxanne:
        await Exchange(practice, voxanne).send_out()
    assert practice.outcome(made) == (None, None)


async def test_a_move_of_what_moved_meanwhile_is_refused_and_seen_at_the_desk(
    stage: Stage,
) -> None:
    booked = await stage.clinic.book(THURSDAY)
    await stage.deliver()
    await stage.clinic.patch(
        f"appointments/{booked['id']}", {"scheduled_at": moment(THURSDAY + HOUR)}
    )
    moved = stage.practice.change(
        "move",
        {"scheduled_at": moment(THURSDAY + 2 * HOUR), "version": 1},
        booked["id"],
    )
    await stage.exchange.send_out()
    outcome, detail = stage.practice.outcome(moved)
    assert outcome == "STALE_VERSION"
    assert detail


async def test_an_erased_person_is_forgotten_there_too(stage: Stage) -> None:
    booked = await stage.clinic.book(THURSDAY)
    await stage.deliver()
    erased = await stage.clinic.send(
        "DELETE", f"leads/{booked['lead_id']}?cancel_appointments=true"
    )
    assert erased.status_code == 200, erased.text
    await stage.deliver()
    (row,) = stage.practice.diary()
    assert (row["patient"], row["phone"], row["lead_id"]) == (None, None, None)


async def test_what_was_missed_is_read_whole(stage: Stage) -> None:
    for hours in range(3):
        await stage.clinic.book(THURSDAY + hours * HOUR, name=f"Person {chr(65 + hours)}")
    assert await stage.exchange.resync(THURSDAY - HOUR) == 3
    assert len(stage.practice.diary()) == 3


async def test_an_appointment_in_fhir(stage: Stage) -> None:
    booked = await stage.clinic.book(THURSDAY, notes="first visit")
    resource = await stage.fhir(f"Appointment/{booked['id']}")
    read = Appointment.model_validate(resource)
    assert (read.status, read.minutesDuration, read.comment) == ("booked", 60, "first visit")
    assert resource["contained"][0]["name"] == [{"text": "Maya Okafor"}]

    await stage.clinic.post(f"appointments/{booked['id']}/cancel", {})
    assert (await stage.fhir(f"Appointment/{booked['id']}"))["status"] == "cancelled"
    OperationOutcome.model_validate(
        await stage.fhir("Appointment/5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a", 404)
    )


@pytest.mark.parametrize("dates", [DAY, [f"ge{DAY}"], [f"lt{DAY}T23:00:00Z"]])
async def test_a_day_of_appointments_page_by_page(stage: Stage, dates: str | list[str]) -> None:
    for hours in range(3):
        await stage.clinic.book(THURSDAY + hours * HOUR, name=f"Person {chr(65 + hours)}")
    found, path = [], "Appointment"
    wanted: dict[str, Any] = {"date": dates, "_count": 2, "status": "booked"}
    while True:
        page = await stage.fhir(path, **wanted)
        Bundle.model_validate(page)
        found += [entry["resource"]["start"] for entry in page["entry"]]
        ahead = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not ahead:
            break
        path, wanted = ahead[0].partition("/fhir/")[2], {}
    assert found == [moment(THURSDAY + hours * HOUR) for hours in range(3)]


async def test_free_slots_are_what_can_be_booked(stage: Stage) -> None:
    await stage.clinic.book(THURSDAY)
    page = await stage.fhir("Slot", start=[f"ge{DAY}", f"le{DAY}"], _count=200)
    Bundle.model_validate(page)
    slots = [Slot.model_validate(entry["resource"]) for entry in page["entry"]]
    assert slots
    assert all(slot.status == "free" for slot in slots)
    starts = {entry["resource"]["start"] for entry in page["entry"]}
    assert moment(THURSDAY) not in starts
    assert moment(THURSDAY + HOUR) in starts


@pytest.mark.parametrize(
    ("path", "wanted", "status"),
    [
        ("Appointment", {"date": "yesterday"}, 400),
        ("Appointment", {"date": "2027-02-30"}, 400),
        ("Appointment", {"date": [f"ge{DAY}", "lt2020-01-01"]}, 400),
        ("Appointment", {"status": "arrived"}, 400),
        ("Appointment", {"practitioner": "Practitioner/nobody"}, 400),
        ("Appointment", {"_count": "0"}, 400),
        ("Appointment/nothing", {}, 400),
        ("Slot", {"status": "busy"}, 400),
        ("Slot", {"schedule": "Schedule/5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a"}, 404),
    ],
)
async def test_what_can_not_be_read_is_told_in_fhirs_own_way(
    stage: Stage, path: str, wanted: dict[str, Any], status: int
) -> None:
    OperationOutcome.model_validate(await stage.fhir(path, status, **wanted))


async def test_nobody_reads_without_the_token_and_nothing_is_written(stage: Stage) -> None:
    CapabilityStatement.model_validate(await stage.fhir("metadata"))
    for path in ("Appointment", "Slot", "Appointment/5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await stage.bridge.get(f"/fhir/{path}", headers=headers)
            assert answer.status_code == 401
            OperationOutcome.model_validate(answer.json())
    assert (await stage.bridge.post("/fhir/Appointment", json={})).status_code == 405

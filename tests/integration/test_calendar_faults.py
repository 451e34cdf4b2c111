"""Whatever goes wrong at whatever call: one event for an appointment, or a delivery that says why
not, and no other clinic notices.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio

from tests.database import HOUR, START, Booking, Server
from tests.fakes import fault_proxy as faults
from tests.fakes.fault_proxy import Fault, FaultProxy
from tests.fakes.google_calendar import fake_google
from tests.integration.google_clinic import GoogleClinic, clinic_at, event_id, starts_at, timed

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRIES_MAX = 5
PATIENCE = httpx2.Timeout(0.5)  # a request that is never answered is given up after so long


def refusal(code: int, reason: str, headers: dict[str, str] | None = None) -> Fault:
    """As Google puts it, and not carried out."""
    said = {"error": {"code": code, "message": "No", "errors": [{"reason": reason}]}}
    sent = {"Content-Type": "application/json", **(headers or {})}
    return faults.status(code, sent, json.dumps(said))


FAULTS: dict[str, Callable[[], Fault]] = {
    "timeout, not carried out": faults.black_hole,
    "timeout, carried out": lambda: faults.black_hole(forwarded=True),
    "reset before": faults.reset_before,
    "reset after": faults.reset_after,
    "401": lambda: refusal(401, "authError"),
    "403 quota": lambda: refusal(403, "rateLimitExceeded"),
    "403 page": lambda: faults.html(403),
    "404": lambda: refusal(404, "notFound"),
    "409": lambda: refusal(409, "duplicate"),
    "410": lambda: refusal(410, "deleted"),
    "412": lambda: refusal(412, "conditionNotMet"),
    "429": lambda: refusal(429, "rateLimitExceeded", {"Retry-After": "7"}),
    "500": lambda: refusal(500, "backendError"),
    "500 after": faults.status_after,
    "503 after": lambda: faults.status_after(503, {"Retry-After": "1"}),
    "half a body": faults.half_body,
    "HTML, not carried out": faults.html,
    "HTML, carried out": lambda: faults.html(forwarded=True),
    "their clock ahead": lambda: faults.skewed_date(300),
    "their clock behind": lambda: faults.skewed_date(-300),
}
# Method, and the end of the path: at which call of the appointment's life.
CALLS = {
    "insert": ("POST", "events"),
    "verify": ("GET", "event"),
    "move": ("PATCH", "event"),
    "verify the move": ("GET", "event"),
    "delete": ("DELETE", "event"),
}


@dataclass
class Once:
    """The fault, at the first request of this method to this calendar."""

    method: str
    path: str
    fault: Fault
    struck: bool = False

    def __call__(self, method: str, path: str) -> Fault | None:
        if self.struck or method != self.method or self.path not in path:
            return None
        self.struck = True
        return self.fault


@dataclass
class Scene:
    """`clinic` has a calendar of its own; `bystander`, another clinic, too."""

    proxy: FaultProxy
    clinic: GoogleClinic
    bystander: GoogleClinic
    calendar: str

    @property
    def events(self) -> dict[str, dict[str, object]]:
        return dict(self.clinic.fake.calendar(self.calendar).live)

    def strike(self, method: str, path: str, fault: Fault) -> Once:
        once = Once(method, path, fault)
        self.proxy.choose = once
        return once

    async def settle(self, booked: Booking) -> str:
        """Deliver until it is decided. What breaks the connection is visible, and mended."""
        for _ in range(TRIES_MAX):
            await self.clinic.deliver()
            delivery = await self.clinic.delivery(booked)
            if delivery["parked"]:
                (shown,) = await self.clinic.calendars()
                assert shown["status"] == "broken"
                assert shown["error"]
                assert "calendar_broken" in await self.alerts()
                await self.clinic.connect(self.calendar)
            elif delivery["status"] == "queued":
                assert delivery["error_code"]
                assert delivery["error"]
            else:
                break
        return str(delivery["status"])

    async def alerts(self) -> list[str]:
        query = "SELECT kind FROM alerts WHERE org_id = $1"
        return [row["kind"] for row in await self.clinic.rows(query, self.clinic.org_id)]


@dataclass
class Run:
    proxy: FaultProxy
    clinic: GoogleClinic


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(server: Server) -> AsyncIterator[Run]:
    async with (
        server.database() as database,
        fake_google() as fake,
        FaultProxy("127.0.0.1", fake.port) as proxy,
        clinic_at(database, fake, proxy.url, patience=PATIENCE) as clinic,
    ):
        yield Run(proxy, clinic)


@pytest_asyncio.fixture(loop_scope="module")
async def scene(run: Run) -> AsyncIterator[Scene]:
    """Two new clinics, each with its own calendar."""
    clinic, bystander = [await open_clinic(run) for _ in range(2)]
    yield Scene(run.proxy, clinic, bystander, clinic.org_id.hex)
    run.proxy.choose = None


async def open_clinic(run: Run) -> GoogleClinic:
    org_id = await run.clinic.database.organization()
    clinic = replace(run.clinic, org_id=org_id)
    clinic.fake.calendar(org_id.hex)
    await clinic.connect(org_id.hex)
    return clinic


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_exactly_one_event(scene: Scene, fault: str, call: str) -> None:
    method, kind = CALLS[call]
    path = f"/calendars/{scene.calendar}/events{'/' if kind == 'event' else ''}"
    clinic = scene.clinic
    booked = await clinic.book()
    expected: dict[str, object] = {event_id(booked): START}
    if call not in ("insert", "verify"):
        await clinic.deliver()
        if call == "delete":
            await clinic.cancel(booked)
            expected = {}
        else:
            await clinic.move(booked, START + HOUR)
            expected = {event_id(booked): START + HOUR}
    once = scene.strike(method, path, FAULTS[fault]())
    unharmed = await scene.bystander.book()

    status = await scene.settle(booked)

    assert once.struck
    assert status == "delivered"
    assert {id_: starts_at(event) for id_, event in scene.events.items()} == expected
    assert len(
        await clinic.rows("SELECT * FROM calendar_events WHERE org_id = $1", clinic.org_id)
    ) == len(expected)
    assert (await scene.bystander.delivery(unharmed))["status"] == "delivered"
    assert [row["status"] for row in await scene.bystander.calendars()] == ["connected"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_token_that_isnt_renewed(scene: Scene, fault: str) -> None:
    clinic = scene.clinic
    await clinic.value(
        "UPDATE calendar_connections SET access_expires_at = now() WHERE org_id = $1",
        clinic.org_id,
    )
    booked = await clinic.book()
    once = scene.strike("POST", "/token", FAULTS[fault]())
    assert await scene.settle(booked) == "delivered"
    assert once.struck
    assert list(scene.events) == [event_id(booked)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_mirror_is_whole_or_as_before(scene: Scene, fault: str) -> None:
    clinic, calendar = scene.clinic, scene.clinic.fake.calendar(scene.calendar)
    kept = "SELECT starts_at FROM busy_times WHERE org_id = $1 ORDER BY starts_at"
    calendar.insert(timed(START, START + HOUR))
    await clinic.read_own()
    calendar.insert(timed(START + HOUR, START + 2 * HOUR))
    once = scene.strike("GET", f"/calendars/{scene.calendar}/events?", FAULTS[fault]())

    await clinic.read_own()

    assert once.struck
    found = [row["starts_at"] for row in await clinic.rows(kept, clinic.org_id)]
    (shown,) = await clinic.calendars()
    if shown["error"] is None:
        assert found == [START, START + HOUR]
    else:
        assert found == [START]
        if shown["status"] == "broken":
            await clinic.connect(scene.calendar)
        await clinic.read_own()
        found = [row["starts_at"] for row in await clinic.rows(kept, clinic.org_id)]
        assert found == [START, START + HOUR]
    assert [row["status"] for row in await scene.bystander.calendars()] == ["connected"]


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_clock_five_minutes_off(scene: Scene, minutes: int) -> None:
    """Google's against ours: a token that lapses in between is renewed on the 401."""
    clinic = scene.clinic
    clinic.fake.clock_ahead = timedelta(minutes=minutes)
    clinic.fake.access_seconds = 360
    try:
        await clinic.connect(scene.calendar)
        booked = await clinic.book()
        assert await scene.settle(booked) == "delivered"
        assert list(scene.events) == [event_id(booked)]
    finally:
        clinic.fake.clock_ahead, clinic.fake.access_seconds = timedelta(), 3600


async def test_a_vendor_that_asks_to_wait_is_waited_for(scene: Scene) -> None:
    path = f"/calendars/{scene.calendar}/events"
    scene.strike("POST", path, refusal(429, "rateLimitExceeded", {"Retry-After": "77"}))
    await scene.clinic.book()
    await scene.clinic.worker.drain()
    waits = await scene.clinic.value(
        "SELECT extract(epoch FROM due_at - updated_at) FROM deliveries "
        "WHERE org_id = $1 AND kind = 'calendar'",
        scene.clinic.org_id,
    )
    assert waits >= 77

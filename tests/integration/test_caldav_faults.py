"""What a network and a server can do to each request of a CalDAV calendar: afterwards there is one
event, at the right time, or a failure that staff see.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.fakes import fault_proxy
from tests.fakes.fault_proxy import Fault, FaultProxy
from tests.fakes.radicale_server import Desk, open_desk, radicale_server
from tests.integration.caldav_clinics import Practice, open_practice, times, uid
from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import HOUR, THURSDAY, moment

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATER = THURSDAY + 3 * HOUR
ROUNDS_MAX = 4
WAIT_SECONDS = 0.5
QUOTA = b'<D:error xmlns:D="DAV:"><D:quota-not-exceeded/></D:error>'
FAULTS: dict[str, Callable[[], Fault]] = {
    "latency": lambda: fault_proxy.latency(0.01),
    "reset_before": fault_proxy.reset_before,
    "reset_after": fault_proxy.reset_after,
    "black_hole": fault_proxy.black_hole,
    "black_hole_after": lambda: fault_proxy.black_hole(forwarded=True),
    "403": lambda: fault_proxy.status(403, body=QUOTA),
    "404": lambda: fault_proxy.status(404),
    "409": lambda: fault_proxy.status(409),
    "410": lambda: fault_proxy.status(410),
    "412": lambda: fault_proxy.status(412),
    "429": lambda: fault_proxy.status(429, {"Retry-After": "7"}),
    "500": lambda: fault_proxy.status(500),
    "500_after": fault_proxy.status_after,
    "503": lambda: fault_proxy.status(503, {"Retry-After": "7"}),
    "507": lambda: fault_proxy.status(507),
    "half_body": fault_proxy.half_body,
    "html": fault_proxy.html,
    "html_after": lambda: fault_proxy.html(forwarded=True),
    "skewed": fault_proxy.skewed_date,
}
# The requests of a delivery, from the first on.
WRITING = [
    ("book", 0, "PUT"),
    ("book", 1, "GET"),
    ("move", 0, "GET"),
    ("move", 1, "PUT"),
    ("move", 2, "GET"),
    ("cancel", 0, "DELETE"),
]
# Those of a reading: by deltas only the second differs.
READING = [
    (True, 0, "PROPFIND"),
    (True, 1, "REPORT"),
    (True, 2, "PROPFIND"),
    (True, 3, "REPORT"),
    (False, 1, "REPORT"),
]
# A calendar that isn't there, or refuses the user, is staff's to mend.
MENDED = {"404", "410"}


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with radicale_server(tmp_path_factory.mktemp("radicale")) as url:
        yield url


@pytest.fixture
def desk(radicale: str) -> Iterator[Desk]:
    with open_desk(radicale, uuid4().hex) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(radicale: str) -> AsyncIterator[FaultProxy]:
    port = urlsplit(radicale).port
    assert port is not None
    async with FaultProxy("127.0.0.1", port) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def practice(voice: Api, proxy: FaultProxy, desk: Desk) -> AsyncIterator[Practice]:
    """Connected, and known to the worker: what comes next is the delivery's own."""
    async with open_practice(voice, WAIT_SECONDS) as opened:
        await opened.connect(proxy.url + urlsplit(desk.url).path)
        await opened.read()
        yield opened


async def settle(practice: Practice, booked: Json) -> Json:
    """Try until the newest delivery is at an end."""
    for _ in range(ROUNDS_MAX):
        await practice.deliver()
        delivery = await practice.delivery(booked)
        if delivery["status"] not in ("queued", "sending"):
            return delivery
    raise AssertionError(delivery)


@pytest.mark.parametrize(("action", "place", "method"), WRITING)
@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault_there_is_one_event_as_the_appointment_is(
    practice: Practice,
    proxy: FaultProxy,
    desk: Desk,
    fault: str,
    action: str,
    place: int,
    method: str,
) -> None:
    planned = [*[None] * place, FAULTS[fault]()]
    if action == "book":
        proxy.plan(*planned)
        booked = await practice.admin.book()
    else:
        booked = await practice.book()
        proxy.plan(*planned)
    if action == "move":
        change = {"scheduled_at": moment(LATER)}
        await practice.admin.patch(f"appointments/{booked['id']}", change)
    elif action == "cancel":
        await practice.admin.post(f"appointments/{booked['id']}/cancel")
    delivery = await settle(practice, booked)
    assert delivery["status"] == "delivered"
    start = LATER if action == "move" else THURSDAY
    assert times(desk) == ({} if action == "cancel" else {uid(booked): (start, start + HOUR)})
    assert faulty(proxy) == [(method, FAULTS[fault]().name)]
    assert (await practice.connection())["status"] == "connected"
    assert await practice.alerts() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault_the_mirror_is_what_the_calendar_is(
    practice: Practice, proxy: FaultProxy, desk: Desk, fault: str
) -> None:
    """At each request of a reading."""
    known: list[tuple[datetime, timedelta]] = []
    for day, (full, place, method) in enumerate(READING):
        start = THURSDAY + timedelta(days=day)
        if full:
            await practice.api.value("UPDATE calendar_connections SET sync_token = NULL")
        desk.put(f"mine-{day}.ics", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", "DURATION:PT1H")
        proxy.seen.clear()
        proxy.plan(*[None] * place, FAULTS[fault]())
        await practice.read()
        busy = await practice.busy()
        assert busy in (known, [*known, (start, HOUR)]), (place, method)
        connection = await practice.connection()
        if connection["status"] == "broken":
            assert fault in MENDED
            assert "calendar_broken" in await practice.alerts()
            await practice.connect(connection["calendar"])
        elif busy == known:
            assert connection["error_code"], (place, method)
        await practice.read()
        known.append((start, HOUR))
        assert await practice.busy() == known
        connection = await practice.connection()
        assert (connection["status"], connection["error_code"]) == ("connected", None)
        assert faulty(proxy) == [(method, FAULTS[fault]().name)]


def faulty(proxy: FaultProxy) -> list[tuple[str, str]]:
    return [(seen, name) for seen, _, name in proxy.seen if name is not None]


@pytest.mark.parametrize(("action", "place", "method"), WRITING[:2])
async def test_a_refused_password_stops_the_deliveries_until_it_is_mended(
    practice: Practice, proxy: FaultProxy, desk: Desk, action: str, place: int, method: str
) -> None:
    proxy.plan(*[None] * place, fault_proxy.status(401))
    booked = await practice.book()
    delivery = await practice.delivery(booked)
    assert (delivery["status"], delivery["error_code"]) == ("queued", "unauthorized")
    connection = await practice.connection()
    assert connection["status"] == "broken"
    assert await practice.alerts() == ["calendar_broken"]
    asked = len(proxy.seen)
    await practice.deliver()
    assert len(proxy.seen) == asked
    await practice.connect(connection["calendar"])
    await settle(practice, booked)
    assert times(desk) == {uid(booked): (THURSDAY, THURSDAY + HOUR)}


@pytest.mark.parametrize("fault", ["429", "503"])
async def test_the_servers_own_wait_is_kept(
    practice: Practice, proxy: FaultProxy, fault: str
) -> None:
    proxy.plan(FAULTS[fault]())
    booked = await practice.book()
    delivery = await practice.delivery(booked)
    assert delivery["status"] == "queued"
    assert delivery["error_code"] == f"status_{fault}"
    assert delivery["due_at"] - delivery["updated_at"] >= timedelta(seconds=6.9)


async def test_a_redirect_to_another_host_gets_no_password(
    practice: Practice, proxy: FaultProxy, radicale: str
) -> None:
    async with FaultProxy("127.0.0.1", urlsplit(radicale).port or 0) as elsewhere:
        away = {"Location": f"{elsewhere.url}/grey/"}
        proxy.plan(fault_proxy.status(307, away))
        booked = await practice.book()
        assert elsewhere.seen == []
    assert (await practice.delivery(booked))["error_code"] == "redirected"
    assert (await practice.connection())["status"] == "broken"


async def test_a_redirect_on_the_same_host_is_followed(
    practice: Practice, proxy: FaultProxy, desk: Desk
) -> None:
    booked = await practice.admin.book()
    path = f"{urlsplit(desk.url).path}{booked['id'].replace('-', '')}.ics"
    proxy.plan(fault_proxy.status(308, {"Location": path}))
    await practice.deliver()
    assert times(desk) == {uid(booked): (THURSDAY, THURSDAY + HOUR)}
    assert (await practice.delivery(booked))["status"] == "delivered"


async def test_another_clinic_is_unaffected(
    practice: Practice, proxy: FaultProxy, radicale: str, voice: Api
) -> None:
    proxy.choose = lambda _method, _path: FAULTS["500"]()
    other = replace(voice, clinic=await voice.open_clinic("admin"))
    with open_desk(radicale, uuid4().hex) as theirs:
        async with open_practice(other) as neighbour:
            connection = await neighbour.connect(theirs.url)
            ours = await practice.admin.book()
            booked = await neighbour.admin.book()
            await practice.worker.drain()
            assert list(times(theirs)) == [uid(booked)]
            assert (await practice.delivery(ours))["status"] == "queued"
            await practice.read()
            rows = await voice.rows("SELECT id, synced_at FROM calendar_connections")
            synced = {row["id"] for row in rows if row["synced_at"] is not None}
            assert connection in synced

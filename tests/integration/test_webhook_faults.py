"""Whatever the network or a receiver does: delivered at least once under the one id, or failed
where staff see it; and nothing of it is anybody else's concern.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx2
import pytest

from tests.database import Database
from tests.fakes.fault_proxy import (
    Fault,
    FaultProxy,
    black_hole,
    half_body,
    html,
    reset_after,
    reset_before,
    skewed_date,
    status,
    status_after,
)
from tests.integration.clinics import Json, open_clinic
from tests.integration.receivers import Receiver, Telling, telling
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client
from voxanne.deliveries.addresses import open_guarded_client
from voxanne.outbox.backoff import BACKOFFS

SOON = httpx2.Timeout(2.0, connect=5.0)


@dataclass
class Faulty:
    """The clinic's way to its receiver leads through a proxy; another clinic's doesn't."""

    clinic: Telling
    proxy: FaultProxy
    webhook: Json
    other: Client
    others_receiver: Receiver

    async def message(self) -> Json:
        """The one to the booking: there is never a second."""
        (message,) = await self.clinic.messages(self.webhook)
        return message

    async def book_in_both(self) -> None:
        await self.clinic.staff.book()
        await self.other.book()
        await self.clinic.work()
        # Whatever happened to the first, the other clinic's system was told once.
        (told,) = self.others_receiver.received
        assert told.json["data"]["organization_id"] == str(self.other.clinic.id)


@pytest.fixture
async def faulty(database: Database) -> AsyncIterator[Faulty]:
    http = open_guarded_client(private_addresses=True, timeout=SOON)
    async with (
        telling(database, http=http) as clinic,
        FaultProxy("127.0.0.1", clinic.receiver.port) as proxy,
        Receiver() as others_receiver,
    ):
        webhook = await clinic.add("appointment.booked", url=f"{proxy.url}/hook")
        other = await client(clinic.api, "admin", await open_clinic(database, "admin"))
        body = {"url": others_receiver.url, "types": ["appointment.booked"]}
        await other.post("webhooks", body)
        yield Faulty(clinic, proxy, webhook, other, others_receiver)


# The fault, how often the receiver has the message once all is well again, and what staff read.
TABLE: list[tuple[Fault, int, str]] = [
    (black_hole(), 1, "timeout"),
    (black_hole(forwarded=True), 2, "timeout"),
    (reset_before(), 1, "broken_off"),
    (reset_after(), 2, "broken_off"),
    (half_body(), 2, "broken_off"),
    (status(301, {"Location": "http://127.0.0.1:1/"}), 1, "http_301"),
    (status(400), 1, "http_400"),
    (status(401), 1, "http_401"),
    (status(403), 1, "http_403"),
    (status(404), 1, "http_404"),
    (status(409), 1, "http_409"),
    (status(412), 1, "http_412"),
    (status(429, {"Retry-After": "60"}), 1, "http_429"),
    (status(503, {"Retry-After": "nonsense"}), 1, "http_503"),
    (status(500, body="x" * 100_000), 1, "http_500"),
    (status_after(500), 2, "http_500"),
    (status_after(502), 2, "http_502"),
    (html(502), 1, "http_502"),
]


@pytest.mark.parametrize(
    ("fault", "copies", "error_code"), TABLE, ids=lambda value: getattr(value, "name", None)
)
async def test_after_a_fault_it_arrives_under_its_id(
    faulty: Faulty, fault: Fault, copies: int, error_code: str
) -> None:
    # Half a body needs one: the receiver's own answer has none.
    faulty.clinic.receiver.body = b"thank you"
    faulty.proxy.plan(fault)
    await faulty.book_in_both()
    waiting = await faulty.message()
    assert (waiting["status"], waiting["error_code"]) == ("queued", error_code)
    assert waiting["error"]
    assert "x" * 10 not in waiting["error"]
    assert (await faulty.clinic.webhook(faulty.webhook))["failing_since"] is not None

    await faulty.clinic.later(minutes=10)
    await faulty.clinic.work()
    assert (await faulty.message())["status"] == "delivered"
    received = faulty.clinic.receiver.received
    assert len(received) == copies
    assert {one.id for one in received} == {waiting["id"]}
    assert len({one.body for one in received}) == 1
    for one in received:
        one.verify(faulty.webhook["secret"])
    assert (await faulty.clinic.webhook(faulty.webhook))["failing_since"] is None


@pytest.mark.parametrize("fault", [html(200, forwarded=True), skewed_date(300), skewed_date(-300)])
async def test_what_is_no_fault(faulty: Faulty, fault: Fault) -> None:
    """2xx is success, whatever stands in its body or its Date."""
    faulty.proxy.plan(fault)
    await faulty.book_in_both()
    assert (await faulty.message())["status"] == "delivered"
    assert len(faulty.clinic.receiver.received) == 1


async def test_gone_is_for_good_until_staff_say_otherwise(faulty: Faulty) -> None:
    faulty.proxy.plan(status(410))
    await faulty.book_in_both()
    assert (await faulty.clinic.webhook(faulty.webhook))["status"] == "disabled"
    await faulty.clinic.later(days=1)
    assert await faulty.clinic.work() == 0
    path = f"webhooks/{faulty.webhook['id']}"
    await faulty.clinic.staff.patch(path, {"status": "active"})
    await faulty.clinic.work()
    assert (await faulty.message())["status"] == "delivered"


async def test_too_many_requests_with_a_date(faulty: Faulty) -> None:
    """Retry-After as a date is read by the receiver's clock, which may be off."""
    headers = {
        "Retry-After": "Fri, 20 Nov 2026 12:00:00 GMT",
        "Date": "Fri, 20 Nov 2026 11:00:00 GMT",
    }
    faulty.proxy.plan(status(429, headers))
    await faulty.book_in_both()
    await faulty.clinic.later(minutes=59)
    assert await faulty.clinic.work() == 0
    await faulty.clinic.later(minutes=61)
    assert await faulty.clinic.work() == 1
    assert (await faulty.message())["status"] == "delivered"


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_clock_that_is_off_is_seen_and_put_right(database: Database, minutes: int) -> None:
    """Receivers refuse what is signed five minutes away from their own time."""
    async with telling(database) as clinic:
        webhook = await clinic.add("appointment.booked")
        clinic.receiver.secret = webhook["secret"]
        wrong = clinic.clock(timedelta(minutes=minutes))
        await clinic.staff.book()
        await wrong.work()
        (refused,) = await clinic.messages(webhook)
        assert (refused["status"], refused["error_code"]) == ("queued", "http_401")

        await clinic.later(minutes=10)
        await clinic.work()
        (delivered,) = await clinic.messages(webhook)
        assert (delivered["status"], delivered["id"]) == ("delivered", refused["id"])


@pytest.mark.parametrize("fault", [reset_before(), status(404), status(500)])
async def test_what_never_works_is_a_failure_that_staff_see(faulty: Faulty, fault: Fault) -> None:
    faulty.proxy.choose = lambda _method, _path: fault
    await faulty.book_in_both()
    tries_max = BACKOFFS["webhook"].tries_max
    for tries in range(1, tries_max):
        await faulty.clinic.later(hours=2 * tries)
        await faulty.clinic.work()
    failed = await faulty.message()
    assert (failed["status"], failed["attempts"]) == ("failed", tries_max)
    assert failed["error"].startswith(f"Tried {tries_max} times in vain.")
    assert len(faulty.proxy.seen) == tries_max

    # Staff try it again once it works.
    faulty.proxy.choose = None
    faulty.clinic.receiver.received.clear()
    subject = failed["id"].removeprefix("msg_")
    await faulty.clinic.api.value(
        "SELECT retry_delivery($1, $2, 'webhook')", faulty.clinic.api.clinic.id, subject
    )
    await faulty.clinic.work()
    assert (await faulty.message())["status"] == "delivered"


async def test_a_receiver_that_stalls_holds_up_nobody_else(faulty: Faulty) -> None:
    """Many of its messages hang at once; the other clinic is told all the same."""
    faulty.proxy.choose = lambda _method, _path: black_hole()
    for hours in range(6):
        await faulty.clinic.staff.book(THURSDAY + hours * HOUR)
        await faulty.other.book(THURSDAY + hours * HOUR)
    await faulty.clinic.work()
    assert len(faulty.others_receiver.received) == 6
    statuses = {one["status"] for one in await faulty.clinic.messages(faulty.webhook)}
    assert statuses == {"queued"}

"""Several workers at one queue, and workers that die in the middle of a delivery."""

import asyncio
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.concurrency.sessions import WAIT_SECONDS_MAX, begin, wait_until_waiting
from tests.database import Database
from tests.fakes.fault_proxy import FaultProxy, held_after, held_before
from tests.fakes.message_vendor import (
    MessageVendor,
    VendorSender,
    open_worker_pool,
    running_vendor,
)
from tests.sql.diary import NOW, at, open_clinic
from tests.sql.outbox import LEASE_SECONDS, Outbox
from voxanne.outbox.types import Delivery, Result, Sent
from voxanne.outbox.worker import Limits, Worker

ROOT = Path(__file__).parents[2]
LEASE = timedelta(seconds=LEASE_SECONDS)
KINDS = ("alert_one", "alert_three", "alert_two")  # of one age, so in the alphabet's order
SETTLING = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT finish_delivery%'"
)


@pytest.fixture
async def outbox(database: Database) -> Outbox:
    return Outbox(await open_clinic(database))


# Two at the same moment


async def test_a_claim_that_is_not_committed_is_a_claim(outbox: Outbox) -> None:
    """The rival doesn't wait for it, and doesn't get it."""
    await outbox.queue()
    rival = await outbox.diary.database.connect_api()
    async with begin(outbox.api):
        assert len(await outbox.claim()) == 1
        assert await outbox.claim(session=rival) == []
    assert await outbox.claim(session=rival) == []


async def test_two_claims_at_once_keep_a_clinics_limit(outbox: Outbox) -> None:
    for _ in range(3):
        await outbox.queue()
    rival = await outbox.diary.database.connect_api()
    async with begin(outbox.api):
        assert len(await outbox.claim(in_flight_max=2)) == 2
        assert await outbox.claim(in_flight_max=2, session=rival) == []
    assert await outbox.claim(in_flight_max=2, session=rival) == []


async def test_the_other_clinics_are_not_waited_for_either(outbox: Outbox) -> None:
    await outbox.queue()
    rival = await outbox.diary.database.connect_api()
    async with begin(outbox.api):
        await outbox.claim()
        other = await outbox.diary.database.organization(name="Elsewhere")
        await outbox.queue(org_id=other)
        assert [row["org_id"] for row in await outbox.claim(session=rival)] == [other]


async def test_a_claim_does_not_wait_for_a_change(outbox: Outbox) -> None:
    """Nor take what the change voids."""
    booked = await outbox.diary.book(at("10:00"))
    desk = await outbox.diary.database.connect_api()
    async with begin(desk):
        await outbox.diary.database.call(
            desk,
            "cancel_appointment",
            outbox.diary.org_id,
            appointment_id=UUID(booked["appointment_id"]),
        )
        assert await outbox.claim() == []
    assert (await outbox.claim_one())["kind"] == "sms_cancellation"


async def test_what_is_being_settled_is_not_taken_up(outbox: Outbox) -> None:
    """Though its lease runs out in that moment."""
    subject = await outbox.queue()
    claimed = await outbox.claim_one()
    rival = await outbox.diary.database.connect_api()
    await outbox.diary.set_clock(NOW + LEASE)
    async with begin(outbox.api):
        assert await outbox.finish(claimed, "sent")
        assert await outbox.claim(session=rival) == []
    assert await outbox.claim(session=rival) == []
    assert (await outbox.row(subject))["status"] == "sent"


async def test_what_is_being_taken_up_is_not_settled(outbox: Outbox) -> None:
    subject = await outbox.queue()
    claimed = await outbox.claim_one()
    rival = await outbox.diary.database.connect_api()
    await outbox.diary.set_clock(NOW + LEASE)
    taking = begin(rival)
    await taking.start()
    assert len(await outbox.claim(session=rival)) == 1
    settling = asyncio.create_task(outbox.finish(claimed, "sent"))
    await wait_until_waiting(outbox.diary.owner, outbox.api)
    await taking.commit()
    assert await settling is False
    assert (await outbox.row(subject))["status"] == "sending"


# Many


@dataclass
class Recorder:
    """Sees what is under way at once, and what was sent after what."""

    sent: list[tuple[UUID, str]] = field(default_factory=list)
    under_way: Counter[UUID] = field(default_factory=Counter)
    most: Counter[UUID] = field(default_factory=Counter)

    async def send(self, delivery: Delivery) -> Result:
        clinic = delivery.organization_id
        self.under_way[clinic] += 1
        self.most[clinic] = max(self.most[clinic], self.under_way[clinic])
        for _ in range(5):
            await asyncio.sleep(0)
        self.under_way[clinic] -= 1
        self.sent.append((delivery.subject_id, delivery.kind))
        return Sent()

    async def look_up(self, delivery: Delivery) -> Result | None:
        raise AssertionError("nothing was uncertain")


async def test_many_workers_send_each_once_in_order_within_the_limits(outbox: Outbox) -> None:
    database = outbox.diary.database
    clinics = [await database.organization(name=f"Clinic {n}") for n in range(4)]
    for org_id in clinics:
        for _ in range(15):
            subject = await outbox.queue(KINDS[0], org_id=org_id)
            for kind in KINDS[1:]:
                await outbox.queue(kind, subject, org_id=org_id)
    recorder = Recorder()
    limits = Limits(in_flight_max=10, organization_in_flight_max=3)
    pools = [await open_worker_pool(database.owner_url) for _ in range(3)]
    try:
        while len(recorder.sent) < 180:
            await asyncio.gather(
                *(Worker(pool, {"alert": recorder}, limits).drain() for pool in pools)
            )
    finally:
        for pool in pools:
            await pool.close()
    assert max(recorder.most.values()) <= 3
    in_order = defaultdict(list)
    for subject, kind in recorder.sent:
        in_order[subject].append(kind)
    assert len(in_order) == 60
    assert all(kinds == list(KINDS) for kinds in in_order.values())


# A worker dies


@dataclass
class Worked:
    """A queue, a vendor behind a proxy, and a worker process to kill."""

    outbox: Outbox
    vendor: MessageVendor
    proxy: FaultProxy

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.message_vendor",
            self.outbox.diary.database.owner_url,
            self.proxy.url,
            cwd=ROOT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            assert await process.wait() == -signal.SIGKILL

    async def is_asked(self) -> bool:
        return bool(self.proxy.seen)

    async def another_worker_finishes(self) -> None:
        await self.outbox.diary.set_clock(NOW + LEASE)
        pool = await open_worker_pool(self.outbox.diary.database.owner_url)
        try:
            await Worker(pool, {"sms": VendorSender(self.proxy.url)}).drain()
        finally:
            await pool.close()


@pytest.fixture
async def worked(outbox: Outbox) -> AsyncIterator[Worked]:
    async with running_vendor() as vendor, FaultProxy("127.0.0.1", vendor.port) as proxy:
        yield Worked(outbox, vendor, proxy)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX * 3):
        # What another process does can only be asked.
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_killed_before_the_vendor_has_it(worked: Worked) -> None:
    """Looked up, found nowhere, sent."""
    booked = await worked.outbox.diary.book(at("10:00"))
    worked.proxy.plan(held_before(asyncio.Event()))

    async with worked.worker():
        await until(worked.is_asked)
    assert (await worked.outbox.row(booked["appointment_id"]))["status"] == "sending"
    assert worked.vendor.messages == []

    await worked.another_worker_finishes()
    assert len(worked.vendor.asked) == len(worked.vendor.messages) == 1
    row = await worked.outbox.row(booked["appointment_id"])
    assert (row["status"], row["external_id"], row["attempts"]) == ("sent", "2", 2)


async def test_killed_after_the_vendor_has_it(worked: Worked) -> None:
    """Looked up, found, not sent again."""
    booked = await worked.outbox.diary.book(at("10:00"))
    done = asyncio.Event()
    worked.proxy.plan(held_after(done, asyncio.Event()))
    async with worked.worker():
        async with asyncio.timeout(WAIT_SECONDS_MAX * 3):
            await done.wait()
    assert len(worked.vendor.messages) == 1

    await worked.another_worker_finishes()
    assert len(worked.vendor.messages) == len(worked.vendor.asked) == 1
    row = await worked.outbox.row(booked["appointment_id"])
    assert (row["status"], row["external_id"]) == ("delivered", "found")


async def test_killed_while_it_settles(worked: Worked) -> None:
    """Somebody else's transaction keeps the row: neither it nor the server in its name can."""
    booked = await worked.outbox.diary.book(at("10:00"))
    going, owner = asyncio.Event(), worked.outbox.diary.owner
    worked.proxy.plan(held_before(going))
    desk = await worked.outbox.diary.database.connect_owner()

    async def settles() -> bool:
        return bool(await owner.fetchval(f"SELECT count(*) FROM ({SETTLING}) AS settling"))

    async with worked.worker() as process:
        await until(worked.is_asked)
        async with begin(desk):
            await desk.execute("SELECT FROM deliveries FOR UPDATE")
            going.set()
            await until(settles)
            process.kill()
            await process.wait()
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM ({SETTLING}) AS settling")
    assert (await worked.outbox.row(booked["appointment_id"]))["status"] == "sending"

    await worked.another_worker_finishes()
    assert len(worked.vendor.messages) == len(worked.vendor.asked) == 1
    assert (await worked.outbox.row(booked["appointment_id"]))["status"] == "delivered"


async def test_what_was_overtaken_meanwhile_is_looked_up_and_not_sent(worked: Worked) -> None:
    booked = await worked.outbox.diary.book(at("10:00"))
    worked.proxy.plan(held_before(asyncio.Event()))

    async with worked.worker():
        await until(worked.is_asked)
    assert (await worked.outbox.diary.cancel(booked))["success"]

    await worked.another_worker_finishes()
    assert [path.split("/")[2] for path in worked.vendor.asked] == ["sms_confirmation"]
    assert [path.split("/")[2] for path in worked.vendor.messages] == ["sms_cancellation"]
    statuses = await worked.outbox.diary.deliveries(booked)
    assert statuses["sms_confirmation", 1] == "voided"
    assert statuses["sms_cancellation", 2] == "sent"

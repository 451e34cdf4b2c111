"""The worker with senders that do as they are told: every result, every fault, and the way out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.concurrency.sessions import WAIT_SECONDS_MAX
from tests.database import Database
from voxanne.outbox.backoff import BACKOFFS
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.outbox.types import (
    Delivered,
    Delivery,
    Failed,
    Parked,
    Postponed,
    Result,
    Retry,
    Sent,
    Voided,
)
from voxanne.outbox.worker import Limits, Worker
from voxanne.postgres.pool import DatabaseBusyError, Pool, open_pool

QUICK = Limits(poll_seconds=0.01)
LEASE = timedelta(seconds=QUICK.lease_seconds)
REASON = ("unreachable", "It could not be reached.")


@dataclass
class ScriptedSender:
    """Answers as told, one after the other; then everything is sent. An exception is raised."""

    sends: list[Result | Exception] = field(default_factory=list)
    looks: list[Result | Exception | None] = field(default_factory=list)
    sent: list[Delivery] = field(default_factory=list)
    looked_up: list[Delivery] = field(default_factory=list)

    async def send(self, delivery: Delivery) -> Result:
        self.sent.append(delivery)
        return _said(self.sends.pop(0) if self.sends else Sent("id"))

    async def look_up(self, delivery: Delivery) -> Result | None:
        self.looked_up.append(delivery)
        said = self.looks.pop(0) if self.looks else None
        return None if said is None else _said(said)


def _said(said: Result | Exception) -> Result:
    if isinstance(said, Exception):
        raise said
    return said


@dataclass
class HeldSender(ScriptedSender):
    """Sends once `going` is set; those of `org_id` alone, where one is named."""

    org_id: UUID | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    going: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, delivery: Delivery) -> Result:
        if self.org_id in (None, delivery.organization_id):
            self.begun.set()
            await self.going.wait()
        return await super().send(delivery)


@dataclass
class Queue:
    """A clinic's queue, and a worker's connections to it."""

    database: Database
    owner: asyncpg.Connection
    pool: Pool
    org_id: UUID

    async def add(self, kind: str = "alert_test", **columns: object) -> UUID:
        """A delivery that is due; of a channel that raises no alerts of its own unless told."""
        row = {"org_id": self.org_id, "subject_id": uuid4(), "kind": kind, "version": 1, **columns}
        values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        added: UUID = await self.owner.fetchval(
            f"INSERT INTO deliveries ({', '.join(row)}, due_at) "
            f"VALUES ({values}, current_moment()) RETURNING subject_id",
            *row.values(),
        )
        return added

    async def row(self, subject: UUID) -> dict[str, Any]:
        found = await self.owner.fetchrow(
            "SELECT *, extract(epoch FROM due_at)::float8 - extract(epoch FROM current_moment()) "
            "AS wait_seconds FROM deliveries WHERE subject_id = $1",
            subject,
        )
        assert found is not None
        return dict(found)

    async def advance(self, by: timedelta) -> None:
        await self.database.set_clock(await self.owner.fetchval("SELECT current_moment()") + by)

    def worker(self, sender: ScriptedSender, limits: Limits = QUICK, **more: Any) -> Worker:
        return Worker(more.pop("database", self.pool), {"alert": sender}, limits, **more)


@pytest.fixture
async def queue(database: Database) -> AsyncIterator[Queue]:
    pool = await open_pool(
        database.owner_url, size=4, wait_ms=5_000, statement_cache_size=100, step_down=True
    )
    yield Queue(database, await database.owner(), pool, await database.organization())
    await pool.close()


# What became of an attempt


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Delivered("e1"), {"status": "delivered", "external_id": "e1"}),
        (Sent("m1"), {"status": "sent", "external_id": "m1"}),
        (Voided(*REASON), {"status": "voided"}),
        (Failed(*REASON), {"status": "failed"}),
        (Retry(*REASON), {"status": "queued"}),
        (Retry(*REASON, uncertain=True), {"status": "queued", "uncertain": True}),
        (Postponed(*REASON, 60.0), {"status": "queued", "attempts_forgiven": 1}),
        (Parked(*REASON), {"status": "queued", "wait_seconds": float("inf")}),
        (ValueError("of a patient"), {"status": "queued", "uncertain": True}),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, dict) else None,
)
async def test_what_the_sender_says_is_what_is_stored(
    queue: Queue, result: Result | Exception, expected: dict[str, object]
) -> None:
    subject = await queue.add()
    sender = ScriptedSender([result])
    claim = await queue.worker(sender).claim("alert", 1)
    await queue.worker(sender).attempt(sender, claim.deliveries[0])
    row = await queue.row(subject)
    assert {name: row[name] for name in expected} == expected
    assert row["uncertain"] is expected.get("uncertain", False)
    if hasattr(result, "error"):
        assert (row["error_code"], row["error"]) == REASON
    assert "patient" not in str(row["error"])


async def test_a_wait_is_kept(queue: Queue) -> None:
    asked, backed_off = await queue.add(), await queue.add()
    sender = ScriptedSender([Retry(*REASON, after_seconds=600.0), Retry(*REASON)])
    await queue.worker(sender, replace(QUICK, in_flight_max=1)).drain()
    waits = sorted([(await queue.row(one))["wait_seconds"] for one in (asked, backed_off)])
    assert 0 < waits[0] <= 5
    assert 570 < waits[1] <= 600


async def test_it_gives_up_after_the_last_try(queue: Queue) -> None:
    subject = await queue.add(attempts=BACKOFFS["alert"].tries_max - 1)
    await queue.worker(ScriptedSender([Retry(*REASON, uncertain=True)])).drain()
    row = await queue.row(subject)
    assert (row["status"], row["uncertain"]) == ("failed", True)
    assert row["error"] == "Tried 24 times in vain. It could not be reached."


async def test_a_failure_is_told_in_the_same_round(queue: Queue) -> None:
    """The alert is a delivery itself."""
    await queue.add("calendar")
    calendar, alerts = ScriptedSender([Failed(*REASON)]), ScriptedSender()
    worker = Worker(queue.pool, {"calendar": calendar, "alert": alerts}, QUICK)
    assert await worker.drain() == 2
    assert [delivery.details["kind"] for delivery in alerts.sent] == ["delivery_failed"]


async def test_an_attempt_has_its_time(queue: Queue) -> None:
    subject = await queue.add()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await queue.worker(HeldSender(), replace(QUICK, attempt_seconds_max=0.01)).drain()
    row = await queue.row(subject)
    assert (row["status"], row["uncertain"], row["error_code"]) == ("queued", True, "timeout")


# What may have got there


@pytest.mark.parametrize(
    ("found", "status", "uncertain"),
    [
        (Delivered("e1"), "delivered", False),
        (Retry(*REASON), "queued", True),
        (Parked(*REASON), "queued", True),
        (Failed(*REASON), "failed", True),
        (ValueError(), "queued", True),
    ],
    ids=lambda given: type(given).__name__,
)
async def test_what_may_be_there_is_not_sent_before_that_is_known(
    queue: Queue, found: Result | Exception, status: str, uncertain: bool
) -> None:
    """A look-up that fails settles nothing."""
    subject = await queue.add(uncertain=True)
    sender = ScriptedSender(looks=[found])
    await queue.worker(sender).drain()
    row = await queue.row(subject)
    assert (row["status"], row["uncertain"], sender.sent) == (status, uncertain, [])


async def test_what_is_not_there_is_sent(queue: Queue) -> None:
    subject = await queue.add(uncertain=True)
    sender = ScriptedSender([Retry(*REASON)])
    await queue.worker(sender).drain()
    row = await queue.row(subject)
    assert (len(sender.looked_up), len(sender.sent)) == (1, 1)
    assert (row["status"], row["uncertain"]) == ("queued", False)


async def test_what_is_too_late_is_looked_up_and_not_sent(queue: Queue) -> None:
    lapsed = await queue.owner.fetchval("SELECT current_moment()")
    there = await queue.add(uncertain=True, lapses_at=lapsed)
    sender = ScriptedSender(looks=[Delivered("e1")])
    await queue.worker(sender).drain()
    absent = await queue.add(uncertain=True, lapses_at=lapsed)
    await queue.worker(sender).drain()
    assert sender.sent == []
    assert (await queue.row(there))["status"] == "delivered"
    row = await queue.row(absent)
    assert (row["status"], row["error_code"]) == ("voided", "too_late")


# What must not be tried


async def test_what_never_comes_to_an_end_is_given_up(queue: Queue) -> None:
    """It may be what ends the workers."""
    subject = await queue.add(attempts=BACKOFFS["alert"].tries_max, uncertain=True)
    sender = ScriptedSender()
    await queue.worker(sender).drain()
    row = await queue.row(subject)
    assert (row["status"], row["uncertain"]) == ("failed", True)
    assert (sender.sent, sender.looked_up) == ([], [])


@pytest.mark.parametrize("uncertain", [False, True])
async def test_details_that_cant_be_made_are_no_senders_business(
    queue: Queue, uncertain: bool
) -> None:
    subject = await queue.add(uncertain=uncertain)
    await queue.owner.execute(
        "CREATE OR REPLACE FUNCTION alert_details(p_delivery deliveries) RETURNS jsonb "
        "LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 'no JSON'; END $$"
    )
    sender = ScriptedSender()
    await queue.worker(sender).drain()
    row = await queue.row(subject)
    assert (row["status"], row["error_code"]) == ("queued", "internal_error")
    assert row["uncertain"] is uncertain
    assert (sender.sent, sender.looked_up) == ([], [])


# While the database is away


async def test_a_sender_that_finds_the_database_away_is_no_bug(queue: Queue) -> None:
    subject = await queue.add()
    sender = ScriptedSender([DatabaseBusyError("ConnectionError")])
    await queue.worker(sender).drain()
    row = await queue.row(subject)
    assert (row["status"], row["error_code"], row["uncertain"]) == ("queued", "database_away", True)


@dataclass
class Unreliable:
    """The database, but for the calls it is told to lose."""

    pool: Pool
    lost: Callable[[str], bool]
    away: int = 0

    async def fetch_value(self, query: str, *arguments: object) -> object:
        if self.lost(query):
            self.away += 1
            raise ConnectionError
        return await self.pool.fetch_value(query, *arguments)


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxanne.outbox.worker.AWAY_SECONDS", 0.01)


@pytest.mark.usefixtures("_soon")
async def test_what_the_vendor_said_is_stored_once_the_database_is_back(queue: Queue) -> None:
    subject = await queue.add()
    times = 3

    def lost(query: str) -> bool:
        return "finish_delivery" in query and flaky.away < times

    flaky = Unreliable(queue.pool, lost)
    sender = ScriptedSender()
    await queue.worker(sender, database=flaky).drain()
    assert (flaky.away, len(sender.sent)) == (times, 1)
    assert (await queue.row(subject))["status"] == "sent"


@pytest.mark.usefixtures("_soon")
async def test_what_cant_be_stored_within_the_lease_is_left(queue: Queue) -> None:
    subject = await queue.add()
    flaky = Unreliable(queue.pool, lambda query: "finish_delivery" in query)
    sender = ScriptedSender()
    worker = queue.worker(sender, replace(QUICK, lease_seconds=0), database=flaky)
    (delivery,) = (await queue.worker(sender).claim("alert", 1)).deliveries
    with pytest.raises(ConnectionError):
        await worker.attempt(sender, delivery)
    row = await queue.row(subject)
    assert (row["status"], row["uncertain"]) == ("sending", True)


@pytest.mark.usefixtures("_soon")
async def test_the_loop_outlives_the_database(queue: Queue) -> None:
    gone = True
    flaky = Unreliable(queue.pool, lambda _: gone)
    sender = HeldSender()
    stop = asyncio.Event()
    running = asyncio.create_task(queue.worker(sender, database=flaky).run(stop))
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while flaky.away < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await queue.add()
        gone = False
        await sender.begun.wait()
    sender.going.set()
    stop.set()
    assert await running == 0


async def test_the_loop_ends_though_the_database_is_away(queue: Queue) -> None:
    flaky = Unreliable(queue.pool, lambda _: True)
    stop = asyncio.Event()
    running = asyncio.create_task(queue.worker(ScriptedSender(), database=flaky).run(stop))
    while not flaky.away:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stop.set()
    assert await running == 0


# Stopping


async def test_what_is_under_way_is_finished(queue: Queue) -> None:
    """And nothing else begun: here one at a time is all there may be."""
    first, second = await queue.add(), await queue.add()
    sender, stop = HeldSender(), asyncio.Event()
    worker = queue.worker(sender, replace(QUICK, in_flight_max=1))
    running = asyncio.create_task(worker.run(stop))
    await sender.begun.wait()
    stop.set()
    await asyncio.sleep(0)
    sender.going.set()
    assert await running == 0
    statuses = {(await queue.row(one))["status"] for one in (first, second)}
    assert statuses == {"sent", "queued"}


async def test_what_takes_too_long_is_left_to_the_next(queue: Queue) -> None:
    subject = await queue.add()
    sender, stop = HeldSender(), asyncio.Event()
    worker = queue.worker(sender, replace(QUICK, drain_seconds_max=0.01))
    running = asyncio.create_task(worker.run(stop))
    await sender.begun.wait()
    stop.set()
    assert await running == 1
    assert (await queue.row(subject))["status"] == "sending"
    await queue.advance(LEASE)
    after = ScriptedSender()
    await queue.worker(after).drain()
    assert len(after.looked_up) == len(after.sent) == 1


async def test_a_worker_that_is_cancelled_leaves_no_task(queue: Queue) -> None:
    await queue.add()
    before = asyncio.all_tasks()
    sender = HeldSender()
    running = asyncio.create_task(queue.worker(sender).run(asyncio.Event()))
    await sender.begun.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await asyncio.sleep(0)
    # asyncpg's own replaces the connection whose query was cut off.
    left = [task for task in asyncio.all_tasks() - before if "asyncpg" not in repr(task)]
    assert left == []


# One doesn't wait for the other


async def test_a_clinic_with_a_slow_vendor_holds_nobody_up(queue: Queue) -> None:
    for _ in range(5):
        await queue.add()
    slow, quick = queue.org_id, await queue.database.organization(name="Elsewhere")
    sender, stop = HeldSender(org_id=slow), asyncio.Event()
    limits = replace(QUICK, in_flight_max=4, organization_in_flight_max=2)
    running = asyncio.create_task(queue.worker(sender, limits).run(stop))
    await sender.begun.wait()
    for _ in range(10):
        await queue.add(org_id=quick)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(sender.sent) < 10:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert {delivery.organization_id for delivery in sender.sent} == {quick}
    sender.going.set()
    stop.set()
    await running


async def test_a_channel_with_a_slow_vendor_holds_no_other_up(queue: Queue) -> None:
    await queue.add("calendar")
    slow, quick, stop = HeldSender(), ScriptedSender(), asyncio.Event()
    worker = Worker(queue.pool, {"calendar": slow, "alert": quick}, replace(QUICK, in_flight_max=1))
    running = asyncio.create_task(worker.run(stop))
    await slow.begun.wait()
    await queue.add()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not quick.sent:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    slow.going.set()
    stop.set()
    assert await running == 0


# What is counted


async def test_attempts_are_counted_without_a_word_of_whose(queue: Queue) -> None:
    metrics = WorkerMetrics()
    for _ in range(4):
        await queue.add()
    sender = ScriptedSender([Sent(), Retry(*REASON), Failed(*REASON)])
    await queue.worker(sender, observe=metrics.observe).drain()
    shown = metrics.render().decode()
    for outcome, number in (("sent", 2), ("retry", 1), ("failed", 1)):
        labels = f'channel="alert",outcome="{outcome}"'
        assert f"voxanne_delivery_attempt_seconds_count{{{labels}}} {number}.0" in shown
    assert str(queue.org_id) not in shown


async def test_the_age_of_the_queue(queue: Queue) -> None:
    metrics = WorkerMetrics()
    chore = metrics.chore(queue.pool)
    await queue.add()
    await queue.advance(timedelta(minutes=2))
    assert await chore.run() == 1
    (age,) = [
        float(line.split()[1])
        for line in metrics.render().decode().splitlines()
        if line.startswith('voxanne_delivery_queue_seconds{channel="alert"}')
    ]
    assert 120 <= age < 180
    await queue.worker(ScriptedSender()).drain()
    assert await chore.run() == 0
    assert 'voxanne_delivery_queue_seconds{channel="alert"} 0.0' in metrics.render().decode()

"""What deliveries cost a booking, and how fast a worker gets rid of them."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from voxanne.outbox.types import Delivery, Result, Sent
from voxanne.outbox.worker import Limits, Worker
from voxanne.postgres.migrate import load_functions
from voxanne.postgres.pool import open_pool
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.pgbench import BOOK, CLINICS, Round
from voxanne.stress.scratch import ProofError

DRAINED: Final = 10_000
DRAIN_TARGET_PER_SECOND: Final = 500.0
COST_TARGET: Final = 0.80
_WRITTEN: Final = (
    "INSERT INTO deliveries",
    "    WHERE kind <> 'email_confirmation' OR p_lead.email IS NOT NULL",
)
# One text message for each of as many appointments, spread over the clinics.
_QUEUE: Final = """
    INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, created_at)
    SELECT id, gen_random_uuid(), 'sms_confirmation', 1, current_moment(), current_moment()
    FROM generate_series(1, $1::integer / $2::integer)
    CROSS JOIN (SELECT id FROM organizations LIMIT $2::integer) AS clinics
"""

RunRound = Callable[[str, int], Awaitable[tuple[Round, int]]]


class InstantSender:
    """A vendor that takes no time."""

    async def send(self, delivery: Delivery) -> Result:
        return Sent("instantly")

    async def look_up(self, delivery: Delivery) -> Result | None:
        return None


async def measure_cost(
    owner: asyncpg.Connection, run: RunRound, rounds: int, seconds: int, progress: Progress
) -> list[Figure]:
    """Bookings with their deliveries ÷ by the same function without them, by turns."""
    whole = load_functions()["store_appointment"]
    bare = without_deliveries(whole)
    rates = {whole: [0, 0.0], bare: [0, 0.0]}
    try:
        for number in range(1, rounds + 1):
            for text, rate in rates.items():
                await _replace(owner, text)
                done, stored = await run(BOOK, seconds)
                rate[0] += stored
                rate[1] += done.seconds
            progress(f"deliveries: round {number} of {rounds}")
    finally:
        await _replace(owner, whole)
    with_them, without = (stored / took for stored, took in rates.values())
    detail: dict[str, object] = {
        "with_per_second": round(with_them),
        "without_per_second": round(without),
    }
    name = "bookings with their deliveries ÷ without any"
    return [Figure(name, with_them / without, "", COST_TARGET, at_least=True, detail=detail)]


def without_deliveries(text: str) -> str:
    """store_appointment's text, but it queues nothing. Raises ProofError when it can't be found."""
    begin = text.find("), queued AS (")
    end = text.find("RETURNING kind, status\n  )", begin)
    asked = "(SELECT json_object_agg(kind, status) FROM queued)"
    if begin < 0 or end < 0 or asked not in text:
        raise ProofError("store_appointment doesn't queue deliveries as this measurement expects.")
    bare = text[:begin] + ")" + text[end + len("RETURNING kind, status\n  )") :]
    return bare.replace(asked, "NULL::json")


async def measure_drain(url: str, owner: asyncpg.Connection, progress: Progress) -> list[Figure]:
    """Queued deliveries carried out by one worker process, by a vendor that takes no time."""
    await owner.execute("DELETE FROM deliveries")
    await owner.execute(_QUEUE, DRAINED, CLINICS)
    await owner.execute("ANALYZE deliveries")
    progress(f"drain: {DRAINED:,} deliveries")
    pool = await open_pool(url, size=10, wait_ms=10_000, statement_cache_size=100, step_down=True)
    try:
        started, processor = time.perf_counter(), time.process_time()
        attempts = await Worker(pool, {"sms": InstantSender()}, Limits()).drain()
        took, used = time.perf_counter() - started, time.process_time() - processor
    finally:
        await pool.close()
    left = json.loads(
        await owner.fetchval(
            "SELECT json_object_agg(status, count) FROM "
            "(SELECT status, count(*) FROM deliveries GROUP BY status) AS counted"
        )
    )
    if left != {"sent": DRAINED} or attempts != DRAINED:
        raise ProofError(f"Not every delivery was sent exactly once: {left}, {attempts} attempts.")
    detail: dict[str, object] = {
        "seconds": round(took, 2),
        "worker_cpu_ms_per_delivery": round(1000 * used / DRAINED, 2),
    }
    rate = DRAINED / took
    name = "deliveries per second of one worker, instant vendor"
    return [Figure(name, rate, "/s", DRAIN_TARGET_PER_SECOND, at_least=True, detail=detail)]


async def _replace(owner: asyncpg.Connection, text: str) -> None:
    async with owner.transaction():
        await owner.execute("DROP FUNCTION store_appointment")
        await owner.execute(text)

"""Afterwards: until everything that is due is delivered, and what the receivers have of it."""

import asyncio
import time
from datetime import timedelta
from typing import Final

import asyncpg

from voxanne.stress.figure import Progress
from voxanne.stress.oracle import Anomaly
from voxanne.stress.workload.receiver import Receiver
from voxanne.stress.workload.server import Server

SETTLE_SECONDS_MAX: Final = 240.0
POLL_SECONDS: Final = 1.0
REPORT_SECONDS: Final = 5.0
QUIET_POLLS: Final = 3  # in a row: the next link of a chain may just be made

# What a worker has in hand, or will have within the time there is; what is parked waits for staff.
_DUE: Final = """
SELECT
  (SELECT count(*) FROM deliveries
   WHERE status = 'sending' OR status = 'queued' AND due_at < current_moment() + $1::interval)
  + (SELECT count(*) FROM webhooks
     WHERE status = 'active' AND EXISTS (
       SELECT FROM events WHERE events.org_id = webhooks.org_id
         AND (transaction_id, events.id) > (read_transaction, read_event)))
  + (SELECT count(*) FROM appointments WHERE status = 'held' AND hold_expires_at < current_moment()
     AND contact_id IS NOT NULL)
"""
_LOST: Final = """
SELECT deliveries.org_id, subject_id FROM deliveries
WHERE kind = 'webhook' AND status = 'delivered' AND subject_id <> ALL ($1)
"""
_UNKNOWN: Final = """
SELECT id FROM unnest($1::uuid[]) AS had (id)
WHERE NOT EXISTS (SELECT FROM webhook_messages AS known WHERE known.id = had.id)
"""


async def settle(server: Server, progress: Progress) -> float | None:
    """Seconds until nothing was due; None when that didn't come within SETTLE_SECONDS_MAX."""
    began = reported = time.monotonic()
    owner = await server.connect()
    quiet = 0
    try:
        while (passed := time.monotonic() - began) < SETTLE_SECONDS_MAX:
            due = await owner.fetchval(_DUE, timedelta(seconds=SETTLE_SECONDS_MAX - passed))
            quiet = 0 if due else quiet + 1
            if quiet == QUIET_POLLS:
                return passed
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                progress(f"[{passed:4.0f} s] {due} still due")
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await owner.close()
    return None


async def lost_messages(owner: asyncpg.Connection, receiver: Receiver) -> list[Anomaly]:
    """Webhook messages that are called delivered and weren't, or were and are known to nobody."""
    had = list(receiver.received)
    lost = [
        Anomaly("delivered_to_nobody", row["org_id"], f"webhook message {row['subject_id']}")
        for row in await owner.fetch(_LOST, had)
    ]
    unknown = await owner.fetch(_UNKNOWN, had)
    return lost + [Anomaly("sent_what_was_never_stored", None, str(row["id"])) for row in unknown]


async def count_deliveries(owner: asyncpg.Connection) -> dict[str, int]:
    """By channel and status."""
    rows = await owner.fetch(
        "SELECT channel || ' ' || status AS state, count(*) FROM deliveries "
        "GROUP BY 1 ORDER BY 2 DESC"
    )
    return {row["state"]: row["count"] for row in rows}

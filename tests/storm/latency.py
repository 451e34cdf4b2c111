"""How long from a booking to its verified calendar event, with a vendor that takes 150 ms a call.
`make storm` prints it; nothing is asserted of time.
"""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import asyncpg
import pytest

from tests.database import Database
from tests.storm.oracle import UNSETTLED, disagreements
from tests.storm.stage import Stage, open_stage

SECONDS = int(os.environ.get("VOXANNE_STORM_SECONDS", "20"))
BOOKINGS_PER_SECOND = 50
VENDOR_SECONDS = 0.15
SESSIONS = 8
ROUNDS_MAX = 600
UNREAD = "SELECT count(*) FROM calendar_connections WHERE synced_at IS NULL"
TOOK = """
SELECT extract(epoch FROM deliveries.updated_at - appointments.created_at)::float
FROM deliveries JOIN appointments ON appointments.id = subject_id
WHERE kind = 'calendar' AND deliveries.status = 'delivered'
"""


async def test_from_booking_to_verified_event(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_stage(database, tmp_path, seed=1, clinics=10, faulty=False) as stage:
        stage.google.latency_seconds = VENDOR_SECONDS
        stage.start_worker()
        # The worker is up when it has read the calendars for the first time.
        await _until_none(await database.owner(), UNREAD)
        sessions: asyncio.Queue[asyncpg.Connection] = asyncio.Queue()
        for _ in range(SESSIONS):
            sessions.put_nowait(await database.connect_api())
        bookings = range(SECONDS * BOOKINGS_PER_SECOND)
        await asyncio.gather(*(_book(stage, sessions, number) for number in bookings))
        owner = await database.owner()
        await _until_none(owner, UNSETTLED)
        await stage.stop_workers()

        took = sorted(row[0] for row in await owner.fetch(TOOK))
        assert len(took) == SECONDS * BOOKINGS_PER_SECOND
        assert await disagreements(stage) == []
        cuts = quantiles(took, n=100)
        figures = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": took[-1]}
        with capsys.disabled():
            print(
                f"\nbooking to verified event, {BOOKINGS_PER_SECOND}/s for {SECONDS} s, vendor "
                f"{VENDOR_SECONDS * 1000:g} ms a call, one worker: "
                + json.dumps({name: round(seconds, 3) for name, seconds in figures.items()})
            )


async def _until_none(owner: asyncpg.Connection, counted: str) -> None:
    for _ in range(ROUNDS_MAX):
        if not await owner.fetchval(counted):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(counted)


async def _book(stage: Stage, sessions: "asyncio.Queue[asyncpg.Connection]", number: int) -> None:
    await asyncio.sleep(number / BOOKINGS_PER_SECOND)
    clinic = stage.clinics[number % len(stage.clinics)]
    turn = number // len(stage.clinics)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(
        days=2, minutes=30 * (turn // 2)
    )
    session = await sessions.get()
    booked = await stage.book(session, clinic, clinic.practitioners[turn % 2], start, number)
    sessions.put_nowait(session)
    assert booked["success"], booked

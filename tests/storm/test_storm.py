"""Exactly once, whatever vendors, networks and dying workers do."""

import asyncio
import contextlib
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Booking, Database
from tests.storm.oracle import STATES, UNSETTLED, disagreements
from tests.storm.stage import WORKERS, Clinic, Stage, open_stage
from voxanne.config import Settings
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.work import create_worker

OPERATIONS = int(os.environ.get("VOXANNE_STORM_OPERATIONS", "200"))
SEED = int(os.environ.get("VOXANNE_STORM_SEED", "20261121"))
CALLERS = 6
ROUNDS_MAX = 200


async def test_after_a_storm_diary_calendars_and_texts_agree(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    async with open_stage(database, tmp_path, SEED) as stage:
        for _ in range(WORKERS):
            stage.start_worker()
        killer = asyncio.create_task(stage.kill_again_and_again(chance))
        did = await _operate(stage, chance)
        await _until_most_is_delivered(stage)
        killer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killer
        await stage.stop_workers()
        stage.calm()
        await _finish(stage)

        wrong = await disagreements(stage)
        with capsys.disabled():
            faults = sum(bool(fault) for network in stage.networks for *_, fault in network.seen)
            states = await (await database.owner()).fetch(STATES)
            print(
                f"\nstorm: {did} operations, {stage.killed} workers killed, {faults} faults, "
                f"{len(stage.twilio.messages)} texts; "
                + ", ".join(f"{row['channel']} {row['status']} {row['count']}" for row in states)
            )
        assert wrong == []
        assert stage.killed
        assert faults


async def _operate(stage: Stage, chance: random.Random) -> int:
    """Bookings, moves and cancellations by several callers at once. How many took place."""
    left = iter(range(OPERATIONS))
    live: dict[UUID, Clinic] = {}

    async def keep_calling() -> int:
        did = 0
        connection = await stage.database.connect_api()
        for number in left:
            answer = await _until_serialized(stage, connection, chance, live, number)
            did += bool(answer["success"])
            # The workers have something to do while there is something to kill.
            await asyncio.sleep(chance.uniform(0, 0.06))
        return did

    return sum(await asyncio.gather(*(keep_calling() for _ in range(CALLERS))))


async def _until_serialized(
    stage: Stage,
    connection: asyncpg.Connection,
    chance: random.Random,
    live: dict[UUID, Clinic],
    number: int,
) -> Booking:
    """As the API does: what could not be put in a line is run again."""
    while True:
        with contextlib.suppress(asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            return await _one(stage, connection, chance, live, number)


async def _one(
    stage: Stage,
    connection: asyncpg.Connection,
    chance: random.Random,
    live: dict[UUID, Clinic],
    number: int,
) -> Booking:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(
        days=chance.randint(2, 90), minutes=30 * chance.randrange(48)
    )
    what = chance.random()
    if what < 0.6 or not live:
        clinic = chance.choice(stage.clinics)
        answer = await stage.book(
            connection, clinic, chance.choice(clinic.practitioners), start, number
        )
        if answer["success"]:
            live[UUID(answer["appointment_id"])] = clinic
        return answer
    appointment = chance.choice(list(live))
    if what < 0.85:
        clinic = live[appointment]
        return await stage.database.call(
            connection,
            "reschedule_appointment",
            clinic.id,
            appointment_id=appointment,
            scheduled_at=start,
            practitioner_id=chance.choice(clinic.practitioners).id,
            source="staff",
        )
    clinic = live.pop(appointment)
    return await stage.database.call(
        connection, "cancel_appointment", clinic.id, appointment_id=appointment, source="staff"
    )


async def _until_most_is_delivered(stage: Stage) -> None:
    """While workers are still being killed; what is left then is finished in calm."""
    owner = await stage.database.owner()
    everything = await owner.fetchval("SELECT count(*) FROM deliveries")
    for _ in range(ROUNDS_MAX):
        if stage.killed and await owner.fetchval(UNSETTLED) <= everything / 10:
            return
        await asyncio.sleep(1)
    raise AssertionError("The workers don't get on.")


async def _finish(stage: Stage) -> None:
    """Deliver the rest in this process, with the clock put forward from one try to the next."""
    owner = await stage.database.owner()
    settings = Settings(_env_file=None, **_by_field(stage))
    pool = await open_api_pool(Deployment(settings, stage.database.owner_url, None))
    try:
        worker = create_worker(settings, pool, load_fernet(settings))
        for _ in range(ROUNDS_MAX):
            await worker.drain()
            if not await owner.fetchval(UNSETTLED):
                return
            await stage.database.set_clock(
                await owner.fetchval("SELECT current_moment()") + timedelta(minutes=2)
            )
    finally:
        await pool.close()


def _by_field(stage: Stage) -> dict[str, Any]:
    return {
        name if name == "DATABASE_URL" else name.removeprefix("VOXANNE_").lower(): value
        for name, value in stage.settings.items()
        if name != "PYTHONPATH"
    }

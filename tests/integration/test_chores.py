"""What happens although nobody calls."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.database import HOUR, START, Booking, Database
from voxanne.booking.functions import Database as Functions
from voxanne.outbox.chores import Chore, in_batches, remind, run_chores, tidy_up


class Session:
    """The API's session as the program's functions want it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch_value(self, query: str, *arguments: object) -> object:
        return await self.connection.fetchval(query, *arguments)


async def wait_for(database: Database, clinic: UUID, phone: str) -> Booking:
    owner = await database.owner()
    return await database.call(
        owner,
        "join_waitlist",
        clinic,
        name="Wanda Waits",
        phone=phone,
        service_type="consultation",
    )


async def offered(database: Database) -> list[str]:
    rows = await (await database.owner()).fetch(
        "SELECT phone FROM waitlist JOIN leads ON leads.id = contact_id "
        "WHERE waitlist.status = 'offered'"
    )
    return [row["phone"] for row in rows]


async def test_a_lapsed_offer_goes_to_the_next(database: Database) -> None:
    await database.set_clock(START - timedelta(days=7))  # at night an offer lasts until the morning
    clinic = await database.organization()
    owner = await database.owner()
    session: Functions = Session(await database.connect_api())
    booked = await database.book(owner, clinic)
    for phone in ("+442079460771", "+442079460772"):
        assert (await wait_for(database, clinic, phone))["success"]
    await database.call(
        owner, "cancel_appointment", clinic, appointment_id=UUID(booked["appointment_id"])
    )
    assert await offered(database) == ["+442079460771"]
    assert await tidy_up(session) == 0

    moment = await owner.fetchval("SELECT current_moment()")
    await database.set_clock(moment + timedelta(minutes=31))

    assert await tidy_up(session) == 1
    assert await offered(database) == ["+442079460772"]
    assert await tidy_up(session) == 0


async def test_holds_that_lapsed_long_ago_are_tidied_away(database: Database) -> None:
    clinic = await database.organization()
    owner = await database.owner()
    session: Functions = Session(await database.connect_api())
    for n in range(2):
        held = await database.call(
            owner,
            "hold_slot",
            clinic,
            service_type="consultation",
            scheduled_at=START + n * HOUR,
            call_id="c",
        )
        assert held["success"], held
    moment = await owner.fetchval("SELECT current_moment()")

    await database.set_clock(moment + timedelta(minutes=6))
    assert await tidy_up(session) == 0
    await database.set_clock(moment + timedelta(minutes=16))
    assert await tidy_up(session) == 2

    assert await owner.fetchval("SELECT count(*) FROM appointments WHERE status = 'held'") == 0


async def test_a_round_reminds_the_patients_of_every_clinic(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxanne.outbox.chores.ORGANIZATIONS_MAX", 2)
    session: Functions = Session(await database.connect_api())
    for _ in range(5):
        await database.book(await database.owner(), await database.organization())
    assert await remind(session) == 0
    await database.set_clock(START - timedelta(hours=23))
    assert await remind(session) == 5
    assert await remind(session) == 0


async def test_a_round_ends_though_there_is_something_it_cannot_do() -> None:
    class Stuck:
        """Clinics whose appointments somebody is changing."""

        async def fetch_value(self, query: str, *arguments: object) -> object:
            return 0 if "queue_reminders" in query else json.dumps([str(uuid4())] * 100)

    assert await remind(Stuck()) == 0


async def test_one_clinics_failure_keeps_nobody_else_waiting() -> None:
    """But the round failed."""
    clinics = [uuid4() for _ in range(3)]
    left = dict.fromkeys(clinics, 2)

    class Broken:
        """For the first clinic there is an error about somebody."""

        async def fetch_value(self, query: str, *arguments: object) -> object:
            if "whose" in query:
                return json.dumps([str(clinic) for clinic in clinics])
            (clinic,) = arguments
            assert isinstance(clinic, UUID)
            if clinic == clinics[0]:
                raise ValueError("Ann Taylor")
            left[clinic] -= 1
            return left[clinic]

    with capture_logs() as logs, pytest.raises(ValueError, match="Ann"):
        await in_batches(Broken(), "whose", "sweep")

    assert list(left.values()) == [2, 0, 0]
    (logged,) = logs
    assert (logged["function"], logged["bug"]) == ("sweep", "ValueError")
    assert logged["organization"] == str(clinics[0])
    assert "Ann" not in str(logs)


async def test_it_goes_on_when_the_database_was_away() -> None:
    """And ends when the program does."""

    class Away:
        was_asked = asyncio.Event()

        async def fetch_value(self, query: str, *arguments: object) -> object:
            self.was_asked.set()
            raise ConnectionError

    away = Away()
    stop = asyncio.Event()
    chore = Chore("waitlist", 60, lambda: tidy_up(away))
    running = asyncio.create_task(run_chores([chore], stop))
    await away.was_asked.wait()
    stop.set()
    await running

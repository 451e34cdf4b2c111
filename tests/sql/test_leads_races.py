"""Merges, splits and undos of several at once: each order is forced, then a storm."""

import asyncio
import random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.concurrency.sessions import begin, wait_until_waiting
from tests.database import Booking, Database
from tests.sql.diary import ANN, BOB, EVE, Diary, at, code
from tests.sql.test_leads_merging import DAN, groups, split

# Each lead's merged_into is where the merges that hold lead, and that one isn't merged itself.
WRONG = """
WITH RECURSIVE edges AS (
  SELECT other_id, lead_id FROM lead_changes WHERE kind = 'merge' AND undone_at IS NULL
), roots AS (
  SELECT id, id AS root FROM leads
  UNION ALL
  SELECT roots.id, edges.lead_id FROM roots JOIN edges ON edges.other_id = roots.root
)
SELECT count(*) FROM leads JOIN roots USING (id)
WHERE NOT EXISTS (SELECT FROM edges WHERE other_id = root)
  AND merged_into IS DISTINCT FROM nullif(root, leads.id)
"""


@pytest.fixture
async def people(diary: Diary) -> dict[str, UUID]:
    found = {}
    for hour, caller in enumerate((ANN, BOB, EVE, DAN), 9):
        booked = await diary.book(at(f"{hour:02}:00"), caller)
        found[caller.name.split()[0]] = UUID(booked["contact_id"])
    return found


async def ask(
    database: Database,
    connection: asyncpg.Connection,
    org_id: UUID,
    what: tuple[str, dict[str, Any]],
) -> Booking:
    function, given = what
    return await database.call(connection, function, org_id, **given, staff_id=None)


async def second_behind_first(
    diary: Diary, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> tuple[str | None, str | None]:
    """The first is done, but not committed; the second waits for it; then the first ends."""
    database = diary.database
    holder, rival = await database.connect_api(), await database.connect_api()
    transaction = begin(holder)
    await transaction.start()
    done = await ask(database, holder, diary.org_id, first)
    waiting = asyncio.create_task(ask(database, rival, diary.org_id, second))
    await wait_until_waiting(diary.owner, rival)
    await transaction.commit()
    return code(done), code(await waiting)


def merge(kept: UUID, other: UUID) -> tuple[str, dict[str, Any]]:
    return "merge_leads", {"lead_id": kept, "other_id": other}


def undo(change: Booking) -> tuple[str, dict[str, Any]]:
    return "undo_lead_change", {"change_id": UUID(change["change_id"])}


async def test_of_two_merges_in_a_circle_one_is_refused(
    diary: Diary, people: dict[str, UUID]
) -> None:
    ann, bob = people["Ann"], people["Bob"]
    answers = await second_behind_first(diary, merge(ann, bob), merge(bob, ann))
    assert answers == (None, "STALE_VERSION")
    assert await groups(diary) == {"Bob": "Ann"}


async def test_who_is_being_merged_can_not_be_merged_into(
    diary: Diary, people: dict[str, UUID]
) -> None:
    ann, bob, eve = people["Ann"], people["Bob"], people["Eve"]
    answers = await second_behind_first(diary, merge(ann, bob), merge(bob, eve))
    assert answers == (None, "STALE_VERSION")
    assert await groups(diary) == {"Bob": "Ann"}


async def test_who_just_took_somebody_in_takes_them_along(
    diary: Diary, people: dict[str, UUID]
) -> None:
    ann, bob, eve = people["Ann"], people["Bob"], people["Eve"]
    assert await second_behind_first(diary, merge(bob, eve), merge(ann, bob)) == (None, None)
    assert await groups(diary) == {"Bob": "Ann", "Eve": "Ann"}


@pytest.mark.parametrize("inner_first", [True, False])
async def test_two_undos_of_one_group(
    diary: Diary, people: dict[str, UUID], inner_first: bool
) -> None:
    """Whoever comes out must not be taken along by who came out at the same moment."""
    changes = []
    for kept, other in (("Bob", "Eve"), ("Ann", "Bob")):
        function, given = merge(people[kept], people[other])
        changes.append(undo(await diary.call(function, **given, staff_id=None)))
    first, second = changes if inner_first else reversed(changes)
    assert await second_behind_first(diary, first, second) == (None, None)
    assert await groups(diary) == {}


async def test_an_undo_deep_in_a_group_and_one_above_it(
    diary: Diary, people: dict[str, UUID]
) -> None:
    """Dan into Eve, Eve into Bob, Bob into Ann: Dan comes out as Bob, with his own, does."""
    changes = []
    for kept, other in (("Eve", "Dan"), ("Bob", "Eve"), ("Ann", "Bob")):
        function, given = merge(people[kept], people[other])
        changes.append(undo(await diary.call(function, **given, staff_id=None)))
    assert await second_behind_first(diary, changes[0], changes[2]) == (None, None)
    assert await groups(diary) == {"Eve": "Bob"}


async def test_a_merge_and_the_undo_of_one_in_it(diary: Diary, people: dict[str, UUID]) -> None:
    ann, bob, eve = people["Ann"], people["Bob"], people["Eve"]
    inner = await diary.call("merge_leads", lead_id=bob, other_id=eve, staff_id=None)
    assert await second_behind_first(diary, undo(inner), merge(ann, bob)) == (None, None)
    assert await groups(diary) == {"Bob": "Ann"}


async def test_one_change_is_undone_once(diary: Diary, people: dict[str, UUID]) -> None:
    done = await diary.call(
        "merge_leads", lead_id=people["Ann"], other_id=people["Bob"], staff_id=None
    )
    assert await second_behind_first(diary, undo(done), undo(done)) == (None, None)
    assert len(await diary.events("lead_change_undone")) == 1


async def test_two_splits_of_one_appointment(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    ann, appointment = UUID(booked["contact_id"]), UUID(booked["appointment_id"])

    def to(name: str) -> tuple[str, dict[str, Any]]:
        return "split_lead", {"lead_id": ann, "name": name, "appointments": [appointment]}

    answers = await second_behind_first(diary, to("Amy"), to("Abe"))
    assert answers == (None, "INVALID_ARGUMENTS")
    names = {row["name"] for row in await diary.owner.fetch("SELECT name FROM leads")}
    assert names == {"Amy", "Ann Taylor"}


async def test_a_booking_for_the_person_a_split_made_keeps_them(diary: Diary) -> None:
    """Booked at the moment at which the split is undone."""
    booked = await diary.book(at("09:00"), ANN)
    done = await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    holder, rival = await diary.database.connect_api(), await diary.database.connect_api()
    transaction = begin(holder)
    await transaction.start()
    hers = await diary.database.book(
        holder, diary.org_id, patient_name="Amy Taylor", patient_phone=ANN.phone,
        scheduled_at=at("12:00"),
    )  # fmt: skip
    assert hers["contact_id"] == done["other_id"]
    waiting = asyncio.create_task(ask(diary.database, rival, diary.org_id, undo(done)))
    await wait_until_waiting(diary.owner, rival)
    await transaction.commit()
    assert code(await waiting) is None
    assert (await diary.row(hers))["contact_id"] == UUID(done["other_id"])
    assert (await diary.row(booked))["contact_id"] == UUID(booked["contact_id"])


async def test_the_person_a_split_made_is_scored_while_it_is_undone(diary: Diary) -> None:
    """A score has the person first, and then what was stored of them."""
    booked = await diary.book(at("09:00"), ANN)
    done = await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    amy = UUID(done["other_id"])
    await diary.call("score_lead", lead_id=amy)
    scorer, rival = await diary.database.connect_owner(), await diary.database.connect_api()
    transaction = begin(scorer)
    await transaction.start()
    await scorer.execute("SELECT FROM leads WHERE id = $1 FOR KEY SHARE", amy)
    waiting = asyncio.create_task(ask(diary.database, rival, diary.org_id, undo(done)))
    await wait_until_waiting(diary.owner, rival)
    scored = await diary.database.call(scorer, "score_lead", diary.org_id, lead_id=amy)
    await transaction.commit()
    assert (code(scored), code(await waiting)) == (None, None)
    assert await diary.owner.fetchval("SELECT count(*) FROM leads WHERE id = $1", amy) == 0


async def test_a_storm_of_merges_and_undos_ends_in_what_the_changes_say(diary: Diary) -> None:
    """Eight sessions, 240 random changes among ten people; deadlocks are run again."""
    await diary.owner.execute(
        "INSERT INTO leads (org_id, name, person, phone) "
        "SELECT $1, 'P' || n, 'p' || n, '+44' || 2079460000 + n FROM generate_series(1, 10) AS n",
        diary.org_id,
    )
    leads = [row["id"] for row in await diary.owner.fetch("SELECT id FROM leads ORDER BY id")]
    changes: list[Booking] = []
    answers: list[str | None] = []

    async def member(seed: int) -> None:
        dice = random.Random(seed)
        connection = await diary.database.connect_api()
        for _ in range(30):
            what = (
                undo(dice.choice(changes))
                if changes and dice.random() < 0.45
                else merge(*dice.sample(leads, 2))
            )
            while True:
                try:
                    answer = await ask(diary.database, connection, diary.org_id, what)
                    break
                except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                    continue
            answers.append(code(answer))
            if what[0] == "merge_leads" and answer["success"]:
                changes.append(answer)

    await asyncio.gather(*(member(seed) for seed in range(8)))
    assert len(answers) == 240
    assert set(answers) == {None, "STALE_VERSION"}
    assert len(changes) > 20
    assert await diary.owner.fetchval(WRONG) == 0
    for change in changes:
        await ask(diary.database, diary.api, diary.org_id, undo(change))
    assert await groups(diary) == {}

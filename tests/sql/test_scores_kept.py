"""Lead scores: whom they are counted for, and when they are counted anew."""

import asyncio
import json
from uuid import UUID

import pytest

from tests.concurrency.sessions import wait_until_waiting
from tests.database import HOUR
from tests.sql.diary import ANN, BOB, DAY, NOW, Caller, Diary, code
from tests.sql.scoring import (
    LATER,
    Worker,
    call,
    insert,
    lead,
    round_,
    score,
    set_weights,
    stored,
    visit,
)
from voxanne.outbox.scores import score_leads


@pytest.fixture
async def worker(diary: Diary) -> Worker:
    """With nothing left to read but what is written from now on."""
    worker = Worker(await diary.database.connect_api())
    await diary.database.others_are_done()
    await score_leads(worker)
    return worker


# One person of several leads


async def test_a_merged_lead_counts_for_the_kept_one(diary: Diary) -> None:
    ann, bob = await lead(diary), await lead(diary, BOB)
    await visit(diary, bob, "no_show", 50)
    await score(diary, bob)
    await diary.owner.execute("UPDATE leads SET merged_into = $1 WHERE id = $2", ann, bob)
    for who in (ann, bob):
        scored = await score(diary, who)
        assert scored["lead_id"] == str(ann)
        assert "no_show" in {r["reason"] for r in scored["reasons"]}
    assert list(await stored(diary)) == [ann]


# Kept up to date


async def test_what_happens_is_scored_by_a_worker(diary: Diary, worker: Worker) -> None:
    booked = await diary.book(LATER)
    ann = UUID(booked["contact_id"])
    assert await stored(diary) == {}  # not in the booking's way
    assert await round_(diary, worker) > 0
    assert await stored(diary) == {ann: 65}
    await diary.cancel(booked)
    await round_(diary, worker)
    assert await stored(diary) == {ann: 35}
    assert await round_(diary, worker) == 0


async def test_consents_messages_and_texts_are_found_by_their_number(
    diary: Diary, worker: Worker
) -> None:
    ann = await lead(diary)
    await insert(
        diary,
        "sms_accounts",
        account_sid="AC1",
        encrypted_token=b"",
        number="+442079460000",
    )
    await diary.call("save_consent", phone=ANN.phone, kind="opt_in", source="staff")
    await round_(diary, worker)
    assert (await stored(diary))[ann] == 5
    await diary.call("take_message", body="Ouch", urgency="high", caller_phone=ANN.phone)
    await round_(diary, worker)
    assert (await stored(diary))[ann] == 20 + 5 + 20 + 10
    await diary.call(
        "take_text",
        external_id="SM1",
        our_number="+442079460000",
        their_number=ANN.phone,
        body="Thanks",
        meaning="unknown",
    )
    await round_(diary, worker)
    assert (await stored(diary))[ann] == 20 + 5 + 20 + 10 + 5


async def test_an_event_of_an_open_transaction_is_not_lost(diary: Diary, worker: Worker) -> None:
    grey, hall = await diary.practitioners("Dr Grey", "Dr Hall")
    other = await diary.database.connect_owner()
    open_ = other.transaction()
    await open_.start()
    late = await diary.database.book(
        other,
        diary.org_id,
        patient_name=BOB.name,
        patient_phone=BOB.phone,
        scheduled_at=LATER,
        practitioner_id=grey,
    )
    await diary.book(LATER, practitioner_id=hall)
    assert await diary.number("score_changed_leads") == 0
    await open_.commit()
    await round_(diary, worker)
    assert UUID(late["contact_id"]) in await stored(diary)
    assert len(await stored(diary)) == 2


async def test_a_score_that_time_changes_is_scored_again_then(diary: Diary, worker: Worker) -> None:
    booked = await diary.book(LATER)
    ann = UUID(booked["contact_id"])
    await round_(diary, worker)
    assert await round_(diary, worker) == 0
    await diary.set_clock(LATER)  # it begins: no longer to come
    await round_(diary, worker)
    assert await stored(diary) == {ann: 40}
    await diary.set_clock(LATER + HOUR)  # and is a visit
    await round_(diary, worker)
    assert await stored(diary) == {ann: 50}
    await diary.set_clock(LATER + 30 * DAY)
    await round_(diary, worker)
    assert await stored(diary) == {ann: 40}
    await diary.set_clock(LATER + 366 * DAY)  # long quiet, and the wish forgotten
    await round_(diary, worker)
    assert await stored(diary) == {ann: 10}
    assert await round_(diary, worker) == 0
    assert await diary.owner.fetchval("SELECT due_at FROM lead_scores") is None


async def test_an_emergency_is_forgotten_though_something_urgent_came_after_it(
    diary: Diary, worker: Worker
) -> None:
    ann = await lead(diary)
    for days_ago, urgency in ((13, "emergency"), (3, "high")):
        await call(diary, ann, days_ago, urgency=urgency)
    await score(diary, ann)
    for day, expected in ((0, "emergency"), (1, "urgent"), (11, None)):
        await diary.set_clock(NOW + day * DAY)
        await round_(diary, worker)
        (reasons,) = await diary.owner.fetch("SELECT reasons FROM lead_scores")
        found = {each["reason"] for each in json.loads(reasons["reasons"])}
        assert found & {"emergency", "urgent"} == ({expected} if expected else set())


async def test_changed_weights_score_everybody_anew(diary: Diary, worker: Worker) -> None:
    people = [await lead(diary, Caller(f"Person {n}", f"+44207946{n:04}")) for n in range(250)]
    assert await round_(diary, worker) == 0  # nothing tells of them
    await set_weights(diary, weights={"start": 50})
    await round_(diary, worker)
    assert await stored(diary) == dict.fromkeys(people, 30)
    assert await round_(diary, worker) == 0


async def test_a_database_restored_into_a_fresh_cluster_is_scored_anew(
    diary: Diary, worker: Worker
) -> None:
    """Its event log was read up to a transaction that is still to come, and tells of nobody."""
    ann = await lead(diary)
    await diary.owner.execute("UPDATE organizations SET scored_transaction = '999999999999'")
    await round_(diary, worker)
    assert list(await stored(diary)) == [ann]
    booked = await diary.book(LATER, BOB)
    await round_(diary, worker)
    assert set(await stored(diary)) == {ann, UUID(booked["contact_id"])}
    assert await round_(diary, worker) == 0


async def test_a_lead_that_was_merged_is_not_scored_anew_by_itself(
    diary: Diary, worker: Worker
) -> None:
    ann, bob = await lead(diary), await lead(diary, BOB)
    await diary.owner.execute("UPDATE leads SET merged_into = $1 WHERE id = $2", ann, bob)
    await set_weights(diary, weights={"start": 50})
    await round_(diary, worker)
    assert list(await stored(diary)) == [ann]


async def test_two_workers_share_the_clinics(diary: Diary, worker: Worker) -> None:
    """While one has the clinic's events, another goes on without them, and nobody is left out."""
    for n in range(3):
        await diary.book(LATER + n * HOUR, Caller(f"Person {n}", f"+44207946000{n}"))
    await diary.database.others_are_done()
    first = await diary.database.connect_api()
    begun = first.transaction()
    await begun.start()
    assert await first.fetchval("SELECT score_changed_leads($1)", diary.org_id) == 6
    assert await score_leads(worker) == 0
    await begun.rollback()  # it died
    assert await score_leads(worker) == 6
    assert len(await stored(diary)) == 3


async def test_of_two_who_score_a_lead_the_later_has_read_more(diary: Diary) -> None:
    booked = await diary.book(LATER)
    ann = UUID(booked["contact_id"])
    first, second = await diary.database.connect_api(), await diary.database.connect_api()
    begun = first.transaction()
    await begun.start()
    await diary.database.call(first, "score_lead", diary.org_id, lead_id=ann)
    waiting = asyncio.create_task(
        diary.database.call(second, "score_lead", diary.org_id, lead_id=ann)
    )
    await wait_until_waiting(diary.owner, second)
    await diary.cancel(booked)  # a booking's change waits for neither
    await begun.commit()
    assert "upcoming" not in {r["reason"] for r in (await waiting)["reasons"]}
    assert (await stored(diary))[ann] == 35


async def test_a_booking_waits_for_no_scoring(diary: Diary, worker: Worker) -> None:
    booked = await diary.book(LATER)
    await diary.database.others_are_done()
    first = await diary.database.connect_api()
    begun = first.transaction()
    await begun.start()
    assert await first.fetchval("SELECT score_changed_leads($1)", diary.org_id) > 0
    await diary.api.execute("SET lock_timeout = '2s'")
    assert code(await diary.book(LATER + HOUR)) is None
    assert code(await diary.move(booked, LATER + 3 * HOUR)) is None
    await begun.rollback()

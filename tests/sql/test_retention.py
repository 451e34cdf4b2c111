"""What was said is kept as long as the clinic chose, and no longer."""

import json
from datetime import timedelta
from uuid import UUID

from tests.integration.test_chores import Session
from tests.sql.diary import ANN, BOB, NOW, TOM, Diary, at
from tests.sql.people import where
from voxanne.outbox.retention import retention_chores, sweep_people, sweep_records

DAY = timedelta(days=1)


async def said(diary: Diary, age: timedelta, call_id: str, lead_id: str | None = None) -> None:
    """A call, its report, a message that was dealt with, and a text, so old."""
    when = NOW - age
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, transcript, "
        "cost_usd) VALUES ($1, $2, $3, '+442079460999', $4, 'secret words', 0.5)",
        diary.org_id, call_id, UUID(lead_id) if lead_id else None, when,
    )  # fmt: skip
    await diary.owner.execute(
        "INSERT INTO voice_messages (org_id, call_id, type, payload, received_at) "
        "VALUES ($1, $2, 'end-of-call-report', '{\"said\": \"secret words\"}', $3)",
        diary.org_id, call_id, when,
    )  # fmt: skip
    for status in ("done", "new"):
        await diary.owner.execute(
            "INSERT INTO messages (org_id, body, status, call_id, created_at) "
            "VALUES ($1, $2, $3, $4, $5)",
            diary.org_id, f"{status} message", status, call_id, when,
        )  # fmt: skip
    await diary.owner.execute(
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, created_at) "
        "VALUES ($1, 'in', '+1', '+442079460999', 'secret text', $2)",
        diary.org_id, when,
    )  # fmt: skip


async def counted(diary: Diary) -> dict[str, int]:
    return {
        table: await diary.count(table)
        for table in ("calls", "voice_messages", "messages", "texts", "audit_log")
    }


async def test_each_kind_goes_when_its_time_is_up(diary: Diary) -> None:
    session = Session(diary.api)
    await diary.set(call_retention_days=30, text_retention_days=60)
    await said(diary, 30 * DAY, "young")
    await said(diary, 31 * DAY, "old")
    await said(diary, 61 * DAY, "older")
    before = await counted(diary)

    assert await sweep_records(session) == 2 + 2 + 1
    assert await sweep_records(session) == 0

    after = await counted(diary)
    assert after["calls"] == before["calls"] == 3
    assert (after["voice_messages"], after["texts"]) == (1, 2)
    messages = await diary.owner.fetch("SELECT status FROM messages ORDER BY status")
    assert [row["status"] for row in messages] == ["done", "new", "new", "new"]
    kept = await diary.owner.fetch("SELECT call_id, transcript, cost_usd FROM calls")
    assert {row["call_id"] for row in kept if row["transcript"]} == {"young"}
    assert {float(row["cost_usd"]) for row in kept} == {0.5}


async def test_a_call_keeps_whom_it_was_with_but_not_a_stranger(diary: Diary) -> None:
    booked = await diary.book(at("10:00"), ANN)
    await said(diary, 400 * DAY, "hers", booked["contact_id"])
    await said(diary, 400 * DAY, "nobodys")
    await sweep_records(Session(diary.api))
    rows = {row["call_id"]: row for row in await diary.owner.fetch("SELECT * FROM calls")}
    assert str(rows["hers"]["lead_id"]) == booked["contact_id"]
    assert rows["hers"]["caller_phone"] is not None
    assert rows["nobodys"]["caller_phone"] is None
    assert await where(diary, "secret words") == set()


async def test_the_audit_log_goes_after_six_years(diary: Diary) -> None:
    for age in (6 * 366, 6 * 365 - 2):
        await diary.owner.execute(
            "INSERT INTO audit_log (org_id, actor, action, created_at) VALUES ($1, 'a', 'b', $2)",
            diary.org_id,
            NOW - age * DAY,
        )
    assert await sweep_records(Session(diary.api)) == 1
    assert await diary.count("audit_log") == 1


async def test_an_answer_is_given_again_for_thirty_days(diary: Diary) -> None:
    key = {"idempotency_key": "booking", "request_hash": "h"}
    booked = await diary.book(at("10:00"), ANN, **key)
    for name, clock in (("young", "11:00"), ("old", "12:00")):
        await diary.hold(at(clock), name, idempotency_key=name, request_hash="h")
    moved = "UPDATE idempotency_keys SET created_at = $2 WHERE idempotency_key = $1"
    await diary.owner.execute(moved, "young", NOW - 30 * DAY)
    await diary.owner.execute(moved, "old", NOW - 31 * DAY)

    assert await sweep_records(Session(diary.api)) == 1

    kept = await diary.owner.fetch("SELECT idempotency_key FROM idempotency_keys")
    assert [row["idempotency_key"] for row in kept] == ["young"]
    # A booking's stands with the appointment, for good.
    again = await diary.book(at("10:00"), ANN, **key)
    assert (again["replayed"], again["appointment_id"]) == (True, booked["appointment_id"])


async def test_many_rows_go_in_batches(diary: Diary) -> None:
    await diary.owner.executemany(
        "INSERT INTO texts (org_id, direction, our_number, their_number, created_at) "
        "VALUES ($1, 'in', '+1', '+2', $2)",
        [(diary.org_id, NOW - 800 * DAY) for _ in range(1200)],
    )
    assert await diary.number("sweep_old_records") == 500
    assert await sweep_records(Session(diary.api)) == 700


async def aged(diary: Diary, lead_id: str, days: int) -> None:
    """Nothing was heard of them for so long."""
    when = NOW - days * DAY
    await diary.owner.execute(
        "UPDATE leads SET created_at = $2, updated_at = $2 WHERE id = $1", UUID(lead_id), when
    )
    await diary.owner.execute(
        "UPDATE appointments SET scheduled_at = $2::timestamptz, "
        "ends_at = $2::timestamptz + interval '1 hour', blocked_from = NULL, "
        "blocked_until = NULL, created_at = $2::timestamptz WHERE contact_id = $1",
        UUID(lead_id),
        when,
    )


async def names(diary: Diary) -> set[str]:
    return {row["name"] for row in await diary.owner.fetch("SELECT name FROM leads")}


async def test_people_are_erased_by_the_clinics_choice_alone(diary: Diary) -> None:
    session = Session(diary.api)
    old = await diary.book(at("10:00"), ANN)
    await diary.book(at("11:00"), BOB)
    await aged(diary, old["contact_id"], 400)
    assert await sweep_people(session) == 0
    await diary.set(person_retention_days=400)
    assert await sweep_people(session) == 0
    await diary.set(person_retention_days=399)

    assert await sweep_people(session) == 1

    assert await names(diary) == {BOB.name}
    (receipt,) = await diary.owner.fetch("SELECT * FROM erasures")
    assert (receipt["actor"], str(receipt["lead_id"])) == ("retention", old["contact_id"])
    (audited,) = await diary.owner.fetch("SELECT * FROM audit_log")
    assert (audited["action"], audited["subject_id"]) == ("person_erased", old["contact_id"])
    assert await sweep_people(session) == 0


async def test_whoever_was_heard_of_stays(diary: Diary) -> None:
    await diary.set(person_retention_days=30)
    lately = NOW - 10 * DAY
    about = {
        "texts": "INSERT INTO texts (org_id, direction, our_number, their_number, created_at) "
        "SELECT org_id, 'in', '+1', phone, $2 FROM leads WHERE id = $1",
        "calls": "INSERT INTO calls (org_id, call_id, caller_phone, started_at) "
        "SELECT org_id, 'c', phone, $2 FROM leads WHERE id = $1",
        "called": "INSERT INTO calls (org_id, call_id, lead_id, started_at) "
        "SELECT org_id, 'd', id, $2 FROM leads WHERE id = $1",
        "notes": "INSERT INTO notes (org_id, lead_id, body, author, created_at) "
        "SELECT org_id, id, 'n', 'a', $2 FROM leads WHERE id = $1",
        "waitlist": "INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to) "
        "SELECT org_id, id, 'x', $2::timestamptz::date, '2027-12-01' FROM leads WHERE id = $1",
        "messages": "INSERT INTO messages (org_id, caller_phone, body, status, created_at) "
        "SELECT org_id, phone, 'm', 'done', $2 FROM leads WHERE id = $1",
        "left for": "INSERT INTO messages (org_id, callback_phone, body, status, created_at) "
        "SELECT org_id, phone, 'm', 'done', $2 FROM leads WHERE id = $1",
        "still open": "INSERT INTO messages (org_id, caller_phone, body, created_at) "
        "SELECT org_id, phone, 'm', $2::timestamptz - interval '80 days' FROM leads WHERE id = $1",
        "open for": "INSERT INTO messages (org_id, callback_phone, body, created_at) "
        "SELECT org_id, phone, 'm', $2::timestamptz - interval '80 days' FROM leads WHERE id = $1",
        "merged": "INSERT INTO leads (org_id, name, person, phone, merged_into, created_at, "
        "updated_at) SELECT org_id, 'M', 'm', '+442079460888', id, $2, $2 FROM leads "
        "WHERE id = $1",
        "appointments": "UPDATE appointments SET scheduled_at = $2::timestamptz, "
        "ends_at = $2::timestamptz + interval '1 hour' WHERE contact_id = $1",
    }
    booked = await diary.book(at("10:00"), ANN)
    lead = UUID(booked["contact_id"])
    for kind, statement in about.items():
        await aged(diary, booked["contact_id"], 100)
        async with diary.owner.transaction():
            await diary.owner.execute(statement, lead, lately)
        assert await diary.number("sweep_idle_people") == 0, kind
        table = {"called": "calls", "merged": "leads", "left for": "messages"}.get(kind, kind)
        table = "messages" if "open" in table else table
        if kind == "merged":
            await diary.owner.execute("DELETE FROM leads WHERE merged_into IS NOT NULL")
        elif kind != "appointments":
            await diary.owner.execute(f"DELETE FROM {table}")
    await aged(diary, booked["contact_id"], 100)
    assert await diary.number("sweep_idle_people") == 1


async def test_the_outlook_says_how_much_is_due(diary: Diary) -> None:
    await diary.set(person_retention_days=30, call_retention_days=5)
    booked = await diary.book(at("10:00"), TOM)
    await aged(diary, booked["contact_id"], 100)
    await said(diary, 800 * DAY, "old")
    outlook = await diary.call("retention_outlook")
    assert outlook["due"] == {"calls": 1, "texts": 1, "people": 1, "more_people": False}
    assert outlook["person_retention_days"] == 30
    assert [chore.name for chore in retention_chores(Session(diary.api))] == [
        "retention",
        "people's retention",
    ]


async def old_leads(diary: Diary, number: int) -> None:
    """So many, known for years, each of whom left a message that is still open."""
    await diary.owner.execute(
        "INSERT INTO leads (org_id, name, person, phone, created_at, updated_at) "
        "SELECT $1, 'P', 'p', '+4420794' || 10000 + n, $2::timestamptz + n * interval '1 s', $2 "
        "FROM generate_series(1, $3) AS n",
        diary.org_id, NOW - 2000 * DAY, number,
    )  # fmt: skip
    await diary.owner.execute(
        "INSERT INTO messages (org_id, caller_phone, body) "
        "SELECT org_id, phone, 'm' FROM leads WHERE org_id = $1",
        diary.org_id,
    )


async def test_a_look_is_bounded_and_the_next_goes_on(diary: Diary) -> None:
    await diary.set(person_retention_days=30)
    await old_leads(diary, 505)
    booked = await diary.book(at("10:00"), ANN)
    await aged(diary, booked["contact_id"], 100)
    due = (await diary.call("retention_outlook"))["due"]
    assert (due["people"], due["more_people"]) == (0, True)

    assert [await diary.number("sweep_idle_people") for _ in range(2)] == [0, 1]

    # It begins anew: who was seen before may be idle by now.
    await diary.owner.execute(
        "DELETE FROM messages WHERE caller_phone IN "
        "(SELECT phone FROM leads ORDER BY created_at LIMIT 1)"
    )
    assert await diary.number("sweep_idle_people") == 1
    assert await diary.count("leads") == 504


async def test_whoever_cant_be_erased_keeps_nobody_else(diary: Diary) -> None:
    """A booking of theirs that lost its lead is still to come, which wants staff's word."""
    await diary.set(person_retention_days=30)
    stuck = await diary.book(at("10:00"), ANN)
    await diary.owner.execute("UPDATE appointments SET contact_id = NULL")
    await aged(diary, stuck["contact_id"], 200)
    booked = await diary.book(at("11:00"), BOB)
    await aged(diary, booked["contact_id"], 100)
    for _ in range(2):
        await diary.number("sweep_idle_people")
    assert await names(diary) == {ANN.name}


async def test_a_clinic_without_a_turn_gets_it_another_time(diary: Diary) -> None:
    others = [
        await diary.database.organization(name=name, person_retention_days=30) for name in "ab"
    ]
    for clinic in others:
        await diary.owner.execute(
            "INSERT INTO texts (org_id, direction, our_number, their_number, created_at) "
            "VALUES ($1, 'in', '+1', '+2', $2)",
            clinic, NOW - 800 * DAY,
        )  # fmt: skip
    for whose in ("old_records", "idle_people"):
        named: set[str] = set()
        for _ in range(200):  # each time one of the two, by chance
            named |= set(
                json.loads(await diary.api.fetchval(f"SELECT organizations_with_{whose}(1)"))
            )
            if len(named) == 2:
                break
        assert named == {str(clinic) for clinic in others}, whose


async def test_who_has_nothing_due_isnt_asked(diary: Diary) -> None:
    await said(diary, DAY, "young")
    for whose in ("old_records", "idle_people"):
        query = f"SELECT organizations_with_{whose}(10)"
        assert json.loads(await diary.api.fetchval(query)) == []

"""What watched clinics' pages are told: complete, in order, and read by the log's own key."""

import json
from typing import Any
from uuid import UUID

import asyncpg

from tests.database import Database
from tests.sql.diary import DAY, TUESDAY, Diary, at
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of

HAPPENED = "INSERT INTO events (org_id, kind, call_id) VALUES ($1, 'held', $2)"
BEGINNING = {"transaction": "3", "id": 0}


async def changed(reader: asyncpg.Connection, *places: dict[str, Any]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(
        await reader.fetchval("SELECT changed_events($1)", json.dumps(places))
    )
    return told


def place(org_id: UUID, after: dict[str, Any] | None = None) -> dict[str, Any]:
    if after is None:
        return {"org_id": str(org_id)}
    return {"org_id": str(org_id), "transaction": str(after["transaction"]), "id": after["id"]}


async def test_a_place_that_is_none_or_yet_to_come_is_now(diary: Diary) -> None:
    await diary.owner.execute(HAPPENED, diary.org_id, "before")
    await diary.database.others_are_done()
    (now,) = await changed(diary.api, place(diary.org_id))
    assert now.keys() == {"org_id", "transaction", "id"}
    (again,) = await changed(
        diary.api, place(diary.org_id, {"transaction": 2**64 - 1, "id": 2**63 - 1})
    )
    assert again.keys() == now.keys()
    await diary.owner.execute(HAPPENED, diary.org_id, "after")
    await diary.database.others_are_done()
    for known in (now, again):
        told = await changed(diary.api, place(diary.org_id, known))
        assert [event["call_id"] for event in told] == ["after"]


async def test_what_commits_late_is_waited_for(diary: Diary) -> None:
    slow = await diary.database.connect_owner()
    await slow.execute("BEGIN")
    await slow.execute(HAPPENED, diary.org_id, "first")
    await diary.owner.execute(HAPPENED, diary.org_id, "second")
    assert await changed(diary.api, place(diary.org_id, BEGINNING)) == []
    await slow.execute("COMMIT")
    await diary.database.others_are_done()
    told = await changed(diary.api, place(diary.org_id, BEGINNING))
    assert [event["call_id"] for event in told] == ["first", "second"]


async def test_each_clinic_goes_on_from_its_own_place(database: Database, diary: Diary) -> None:
    other = await database.organization()
    for call in ("a", "b"):
        await diary.owner.execute(HAPPENED, diary.org_id, call)
        await diary.owner.execute(HAPPENED, other, f"other {call}")
    await database.others_are_done()
    first = (await changed(diary.api, place(diary.org_id, BEGINNING)))[0]
    told = await changed(diary.api, place(diary.org_id, first), place(other, BEGINNING))
    assert {(event["org_id"], event["call_id"]) for event in told} == {
        (str(diary.org_id), "b"),
        (str(other), "other a"),
        (str(other), "other b"),
    }


async def test_at_most_a_hundred_of_each(diary: Diary) -> None:
    await diary.owner.execute(
        "INSERT INTO events (org_id, kind) SELECT $1, 'held' FROM generate_series(1, 150)",
        diary.org_id,
    )
    await diary.database.others_are_done()
    told = await changed(diary.api, place(diary.org_id, BEGINNING))
    assert len(told) == 100
    rest = await changed(diary.api, place(diary.org_id, told[-1]))
    assert len(rest) == 50
    ids = [event["id"] for event in (*told, *rest)]
    assert ids == sorted(set(ids))


async def test_days_are_the_clinics_and_a_moves_are_all_it_touched(diary: Diary) -> None:
    await diary.owner.execute(
        "UPDATE organizations SET timezone = 'Pacific/Auckland' WHERE id = $1", diary.org_id
    )
    late = at("18:00")  # the next day there
    booked = await diary.book(late)
    for days in (1, 2):
        await diary.move(booked, late + days * DAY)
    await diary.cancel(booked)
    await diary.database.others_are_done()
    found = await changed(diary.api, place(diary.org_id, BEGINNING))
    first, second, third = ((TUESDAY + n * DAY).isoformat() for n in (1, 2, 3))
    assert [(event["kind"], event["days"]) for event in found] == [
        ("booked", [third]),  # it is where it is now
        ("moved", [first, second, third]),
        ("moved", [second, third]),
        ("cancelled", [third]),
    ]


async def test_an_event_tells_ids_and_days_alone(diary: Diary) -> None:
    await diary.book(at("10:00"))
    await diary.database.others_are_done()
    (booked,) = await changed(diary.api, place(diary.org_id, BEGINNING))
    assert booked.keys() == {
        *("org_id", "transaction", "id"),
        *("kind", "appointment_id", "lead_id", "call_id", "days"),
    }
    assert "Ann" not in json.dumps(booked)


async def test_the_log_is_read_by_its_key(database: Database, diary: Diary) -> None:
    """As many events as a year has, and it looks at those alone that it tells of."""
    await diary.owner.execute(
        "INSERT INTO events (org_id, kind) SELECT $1, 'held' FROM generate_series(1, 20000)",
        diary.org_id,
    )
    await database.others_are_done()
    (now,) = await changed(diary.api, place(diary.org_id))
    await diary.owner.execute(HAPPENED, diary.org_id, "new")
    await database.others_are_done()
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    await superuser.execute("SET auto_explain.log_analyze = on")
    plans = await plans_of(
        superuser, "SELECT changed_events($1)", json.dumps([place(diary.org_id, now)])
    )
    read = [
        node
        for plan in plans.values()
        for node in nodes(plan)
        if node.get("Relation Name") == "events"
    ]
    assert [node["Index Name"] for node in read] == ["events_pkey"]
    seen = read[0]["Actual Rows"] + read[0].get("Rows Removed by Filter", 0)
    assert seen * read[0]["Actual Loops"] <= 2

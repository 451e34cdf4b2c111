"""Two leads that are one person, one lead that is two, and the way back."""

import itertools
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.database import Booking
from tests.sql.diary import ANN, BOB, EVE, NOW, TOM, Caller, Diary, at, code

DAN = Caller("Dan Brown", "+442079460333")
LEADS = "SELECT id, name, merged_into FROM leads ORDER BY id"
STATE = """
SELECT (SELECT jsonb_agg(to_jsonb(leads) ORDER BY id) FROM leads)::text,
  (SELECT jsonb_agg(to_jsonb(appointments) - 'updated_at' ORDER BY id) FROM appointments)::text
"""


async def state(diary: Diary) -> list[Any]:
    """People and appointments, to the letter."""
    return list(await diary.owner.fetchrow(STATE) or ())


async def merge(diary: Diary, kept: UUID, other: UUID) -> Booking:
    return await diary.call("merge_leads", lead_id=kept, other_id=other, staff_id=None)


async def undo(diary: Diary, change: Booking) -> Booking:
    return await diary.call("undo_lead_change", change_id=UUID(change["change_id"]), staff_id=None)


async def split(diary: Diary, lead: UUID, name: str, *booked: Booking) -> Booking:
    ids = [UUID(each["appointment_id"]) for each in booked]
    return await diary.call("split_lead", lead_id=lead, name=name, appointments=ids, staff_id=None)


async def groups(diary: Diary) -> dict[str, str]:
    """Who stands for whom, by their first names."""
    rows = await diary.owner.fetch(
        "SELECT leads.name, kept.name AS kept FROM leads "
        "LEFT JOIN leads AS kept ON kept.org_id = leads.org_id AND kept.id = leads.merged_into"
    )
    return {row["name"].split()[0]: row["kept"].split()[0] for row in rows if row["kept"]}


@pytest.fixture
async def people(diary: Diary) -> dict[str, UUID]:
    found = {}
    for hour, caller in enumerate((ANN, BOB, EVE, DAN), 9):
        booked = await diary.book(at(f"{hour:02}:00"), caller)
        found[caller.name.split()[0]] = UUID(booked["contact_id"])
    return found


async def test_a_group_is_the_kept_one_and_all_who_were_merged(
    diary: Diary, people: dict[str, UUID]
) -> None:
    await merge(diary, people["Bob"], people["Eve"])
    await merge(diary, people["Ann"], people["Bob"])
    assert await groups(diary) == {"Bob": "Ann", "Eve": "Ann"}
    for lead in ("Ann", "Bob", "Eve"):
        found = await diary.owner.fetchval("SELECT lead_group($1, $2)", diary.org_id, people[lead])
        assert found[0] == people["Ann"]
        assert set(found) == {people["Ann"], people["Bob"], people["Eve"]}
    alone = await diary.owner.fetchval("SELECT lead_group($1, $2)", diary.org_id, people["Dan"])
    assert alone == [people["Dan"]]
    assert await diary.owner.fetchval("SELECT lead_group($1, $2)", diary.org_id, uuid4()) == []


async def test_merging_writes_a_pointer_and_no_more(diary: Diary, people: dict[str, UUID]) -> None:
    before = await state(diary)
    merged = await merge(diary, people["Ann"], people["Bob"])
    assert code(merged) is None
    changed = json.loads((await state(diary))[0])
    (bob,) = [lead for lead in changed if lead["merged_into"]]
    assert (bob["id"], bob["merged_into"]) == (str(people["Bob"]), str(people["Ann"]))
    assert (await state(diary))[1] == before[1]
    (event,) = await diary.events("lead_merged")
    assert event["lead_id"] == people["Ann"]
    assert json.loads(event["data"]) == {
        "change_id": merged["change_id"],
        "other_id": str(people["Bob"]),
    }
    assert code(await undo(diary, merged)) is None
    assert await state(diary) == before


async def test_each_number_still_reaches_only_its_own(
    diary: Diary, people: dict[str, UUID]
) -> None:
    """The wall of numbers: whoever calls from one of them hears and changes what is that one's."""
    bobs = await diary.call("lookup_caller", phone=BOB.phone)
    await merge(diary, people["Ann"], people["Bob"])
    assert await diary.call("lookup_caller", phone=BOB.phone) == bobs
    anns = await diary.call("lookup_caller", phone=ANN.phone)
    assert [person["name"] for person in anns["people"]] == ["Ann Taylor"]
    assert len(anns["people"][0]["upcoming"]) == 1
    booking = bobs["people"][0]["upcoming"][0]
    by_ann = await diary.cancel(booking, caller_phone=ANN.phone, source="voice")
    assert code(by_ann) == "NOT_YOURS"
    moved = await diary.move(booking, at("15:00"), caller_phone=ANN.phone, source="voice")
    assert code(moved) == "NOT_YOURS"
    assert code(await diary.cancel(booking, caller_phone=BOB.phone, source="voice")) is None


async def test_bookings_of_who_is_merged_go_where_they_went(
    diary: Diary, people: dict[str, UUID]
) -> None:
    await merge(diary, people["Ann"], people["Bob"])
    booked = await diary.book(at("16:00"), BOB, patient_email="bob@b.example")
    assert booked["contact_id"] == str(people["Bob"])
    joined = await diary.join(BOB)
    assert code(joined) is None
    changed = await diary.call("save_lead", lead_id=people["Bob"], changes='{"name": "Rob"}')
    assert changed["lead"]["merged_into"] == str(people["Ann"])
    (bob,) = (await diary.call("list_leads", phone=BOB.phone))["items"]
    assert (bob["name"], bob["merged_into"]) == ("Rob", str(people["Ann"]))
    view = await diary.call("lead_view", lead_id=people["Ann"])
    assert len(view["history"]["upcoming"]) == 3
    assert (await diary.call("lead_view", lead_id=people["Bob"]))["merged_into"] == str(
        people["Ann"]
    )


async def test_no_circles_no_chains_not_oneself(diary: Diary, people: dict[str, UUID]) -> None:
    ann, bob, eve = people["Ann"], people["Bob"], people["Eve"]
    assert code(await merge(diary, ann, ann)) == "INVALID_ARGUMENTS"
    assert code(await merge(diary, ann, uuid4())) == "NOT_FOUND"
    await merge(diary, ann, bob)
    for kept, other in ((bob, ann), (ann, bob), (bob, eve), (eve, bob)):
        refused = await merge(diary, kept, other)
        assert (code(refused), refused["reason"]) == ("STALE_VERSION", "merged")
    assert await groups(diary) == {"Bob": "Ann"}


async def test_the_database_itself_knows_one_merge_of_each(
    diary: Diary, people: dict[str, UUID]
) -> None:
    await merge(diary, people["Ann"], people["Bob"])
    again = (
        "INSERT INTO lead_changes (org_id, kind, lead_id, other_id) VALUES ($1, 'merge', $2, $3)"
    )
    with pytest.raises(Exception, match="lead_changes_merged_once"):
        await diary.owner.execute(again, diary.org_id, people["Eve"], people["Bob"])
    with pytest.raises(Exception, match="leads_check"):
        await diary.owner.execute("UPDATE leads SET merged_into = id")


ORDERS = list(itertools.permutations(("Eve", "Bob", "Ann")))


@pytest.mark.parametrize("order", ORDERS, ids=["".join(o) for o in ORDERS])
async def test_merges_of_merges_are_undone_in_any_order(
    diary: Diary, people: dict[str, UUID], order: tuple[str, ...]
) -> None:
    """Eve into Bob, Bob into Ann, Ann into Dan: whatever is undone, the others hold."""
    edges = {"Eve": "Bob", "Bob": "Ann", "Ann": "Dan"}
    before = await state(diary)
    changes = {
        other: await merge(diary, people[kept], people[other]) for other, kept in edges.items()
    }
    assert set((await groups(diary)).values()) == {"Dan"}
    for other in order:
        assert code(await undo(diary, changes[other])) is None
        del edges[other]

        def kept(person: str) -> str:
            return kept(edges[person]) if person in edges else person

        expected = {p: kept(p) for p in ("Eve", "Bob", "Ann") if kept(p) != p}
        assert await groups(diary) == expected
    assert await state(diary) == before


async def test_undone_twice_is_undone(diary: Diary, people: dict[str, UUID]) -> None:
    merged = await merge(diary, people["Ann"], people["Bob"])
    first, second = await undo(diary, merged), await undo(diary, merged)
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert len(await diary.events("lead_change_undone")) == 1
    assert code(await undo(diary, {"change_id": str(uuid4())})) == "NOT_FOUND"
    await merge(diary, people["Eve"], people["Bob"])
    assert (await undo(diary, merged))["replayed"] is True
    assert await groups(diary) == {"Bob": "Eve"}


async def test_a_hundred_are_the_most(diary: Diary, people: dict[str, UUID]) -> None:
    await diary.owner.execute(
        "INSERT INTO leads (org_id, name, person, phone, merged_into) "
        "SELECT $1, 'P', 'p' || n, '+4411111', $2 FROM generate_series(1, 99) AS n",
        diary.org_id,
        people["Ann"],
    )
    assert code(await merge(diary, people["Ann"], people["Bob"])) == "LIMIT_REACHED"


async def test_a_split_makes_another_of_that_number(diary: Diary) -> None:
    one = await diary.book(at("09:00"), ANN)
    two = await diary.book(at("10:00"), ANN)
    ann = UUID(one["contact_id"])
    before = await state(diary)
    done = await split(diary, ann, "amy taylor", two)
    assert code(done) is None
    rows = await diary.owner.fetch("SELECT * FROM leads ORDER BY name")
    assert [(row["name"], row["phone"]) for row in rows] == [
        ("Amy Taylor", ANN.phone),
        ("Ann Taylor", ANN.phone),
    ]
    moved, stayed = await diary.row(two), await diary.row(one)
    assert (str(moved["contact_id"]), stayed["contact_id"]) == (done["other_id"], ann)
    assert json.loads(moved["metadata"])["patient"]["name"] == "Amy Taylor"
    assert (moved["version"], stayed["version"]) == (1, 1)
    found = await diary.call("lookup_caller", phone=ANN.phone)
    assert {person["name"]: len(person["upcoming"]) for person in found["people"]} == {
        "Amy Taylor": 1,
        "Ann Taylor": 1,
    }
    (event,) = await diary.events("lead_split")
    assert (event["lead_id"], json.loads(event["data"])["other_id"]) == (ann, done["other_id"])
    assert code(await undo(diary, done)) is None
    assert await state(diary) == before


async def test_a_split_to_somebody_who_is_there(diary: Diary) -> None:
    anns = await diary.book(at("09:00"), ANN)
    toms = await diary.book(at("10:00"), TOM)
    before = await state(diary)
    done = await split(diary, UUID(anns["contact_id"]), "Tom Taylor", anns)
    assert done["other_id"] == toms["contact_id"]
    await undo(diary, done)
    assert await state(diary) == before


async def test_the_person_a_split_made_stays_when_something_is_theirs(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    ann = UUID(booked["contact_id"])
    for make_theirs in ("book", "note", "rename"):
        done = await split(diary, ann, "Amy Taylor", booked)
        amy = UUID(done["other_id"])
        if make_theirs == "book":
            hers = await diary.book(at("12:00"), Caller("Amy Taylor", ANN.phone))
            assert hers["contact_id"] == done["other_id"]
        elif make_theirs == "note":
            await diary.call("add_note", lead_id=amy, body="x", staff_id=None, author="y")
        else:
            await diary.call("save_lead", lead_id=amy, changes='{"email": "amy@a.example"}')
        assert code(await undo(diary, done)) is None
        assert (await diary.row(booked))["contact_id"] == ann
        kept = await diary.owner.fetchval("SELECT count(*) FROM leads WHERE id = $1", amy)
        assert kept == 1, make_theirs
        await diary.owner.execute("DELETE FROM notes")
        await diary.owner.execute("DELETE FROM appointments WHERE contact_id = $1", amy)
        await diary.owner.execute("DELETE FROM leads WHERE id = $1", amy)


async def test_an_appointment_split_twice_goes_back_in_turn(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    ann = UUID(booked["contact_id"])
    before = await state(diary)
    first = await split(diary, ann, "Amy Taylor", booked)
    between = await state(diary)
    second = await split(diary, UUID(first["other_id"]), "Abe Taylor", booked)
    refused = await undo(diary, first)
    assert (code(refused), refused["reason"]) == ("STALE_VERSION", "appointments")
    assert code(await undo(diary, second)) is None
    assert await state(diary) == between
    assert code(await undo(diary, first)) is None
    assert await state(diary) == before


async def test_a_split_can_not_be_undone_when_a_patient_is_erased(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    done = await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    await diary.owner.execute("UPDATE appointments SET contact_id = NULL, metadata = '{}'")
    assert code(await undo(diary, done)) == "STALE_VERSION"
    await diary.owner.execute("DELETE FROM leads WHERE name = 'Amy Taylor'")
    assert code(await undo(diary, done)) == "NOT_FOUND"


async def test_what_can_not_be_split_is_refused(diary: Diary, people: dict[str, UUID]) -> None:
    anns = await diary.book(at("14:00"), ANN)
    bobs = await diary.book(at("15:00"), BOB)
    ann = people["Ann"]

    async def refusal(name: str, *booked: Booking, lead: UUID = ann) -> tuple[str | None, Any]:
        refused = await split(diary, lead, name, *booked)
        return code(refused), refused.get("where")

    nothing = {"appointment_id": str(uuid4())}
    assert await refusal("Amy", bobs) == ("INVALID_ARGUMENTS", "appointments")
    assert await refusal("Amy", anns, bobs) == ("INVALID_ARGUMENTS", "appointments")
    assert await refusal("Amy", nothing) == ("INVALID_ARGUMENTS", "appointments")
    assert await refusal("Amy") == ("INVALID_ARGUMENTS", "appointments")
    assert await refusal("👻", anns) == ("INVALID_NAME", None)
    assert await refusal("ANN TAYLOR", anns) == ("INVALID_ARGUMENTS", "name")
    assert await refusal("Amy", anns, lead=uuid4()) == ("NOT_FOUND", None)
    before = await state(diary)
    # Of one who is merged the number is another: not both at once, each alone is well.
    await merge(diary, ann, people["Bob"])
    assert await refusal("Amy", anns, bobs) == ("INVALID_ARGUMENTS", "appointments")
    done = await split(diary, ann, "Amy", bobs)
    assert done["lead_id"] == str(people["Bob"])
    amy = await diary.owner.fetchrow("SELECT * FROM leads WHERE name = 'Amy'")
    assert amy is not None
    assert (amy["phone"], amy["merged_into"]) == (BOB.phone, None)
    await merge(diary, ann, amy["id"])
    back = await diary.book(at("16:00"), BOB)
    assert await refusal("Amy", back) == ("INVALID_ARGUMENTS", "name")
    assert len(json.loads(before[0])) == 4


async def test_a_split_brings_the_calendar_up_to_date(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    await diary.owner.execute("UPDATE deliveries SET status = 'delivered'")
    done = await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    assert (await diary.deliveries(booked))["calendar", 1] == "delivered"  # there is none
    await undo(diary, done)
    await diary.owner.execute(
        "INSERT INTO calendar_connections (org_id, vendor, calendar) VALUES ($1, 'google', 'c')",
        diary.org_id,
    )
    await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    assert await diary.deliveries(booked) == {
        ("calendar", 1): "queued",
        ("sms_confirmation", 1): "delivered",
    }


async def test_a_calendar_entry_that_is_being_written_is_written_again(diary: Diary) -> None:
    """Whoever writes it has read the old name."""
    booked = await diary.book(at("09:00"), ANN)
    await diary.owner.execute(
        "INSERT INTO calendar_connections (org_id, vendor, calendar) VALUES ($1, 'google', 'c')",
        diary.org_id,
    )

    async def claim() -> list[Booking]:
        taken = json.loads(
            await diary.api.fetchval("SELECT claim_deliveries('calendar', 9, 9, 60)")
        )
        return [each for claimed in taken for each in claimed["deliveries"]]

    (first,) = await claim()
    await split(diary, UUID(booked["contact_id"]), "Amy Taylor", booked)
    delivered = "SELECT finish_delivery($1, $2, 'calendar', 1, $3, 'delivered')"
    about = diary.org_id, UUID(booked["appointment_id"])
    assert await diary.api.fetchval(delivered, *about, first["attempt"]) is False
    assert await claim() == []  # not while the other may still write
    await diary.set_clock(NOW + timedelta(seconds=61))
    (second,) = await claim()
    patient = second["details"]["appointment"]["patient"]
    assert (patient["name"], second["tries"]) == ("Amy Taylor", 2)
    assert await diary.api.fetchval(delivered, *about, second["attempt"]) is True
    assert await claim() == []
    assert (await diary.row(booked))["version"] == 1


async def test_notes_are_their_authors_and_the_owners(diary: Diary) -> None:
    lead = UUID((await diary.book(at("09:00"), ANN))["contact_id"])
    staff = {}
    for role in ("owner", "staff", "read_only"):
        staff[role] = await diary.owner.fetchval(
            "INSERT INTO staff_accounts (email) VALUES ($1) RETURNING id", f"{role}@a.example"
        )
        await diary.owner.execute(
            "INSERT INTO memberships (org_id, staff_id, role) VALUES ($1, $2, $3)",
            diary.org_id,
            staff[role],
            role,
        )

    async def note(author: UUID, body: str = "<b>Bring</b> the X-ray") -> Booking:
        return await diary.call(
            "add_note", lead_id=lead, body=body, staff_id=author, author="Someone"
        )

    async def delete(noted: Booking, by: UUID, lead_id: UUID = lead) -> str | None:
        note_id = UUID(noted["note_id"])
        return code(await diary.call("delete_note", lead_id=lead_id, note_id=note_id, staff_id=by))

    mine = await note(staff["staff"])
    assert await delete(mine, staff["read_only"]) == "UNAUTHORIZED"
    assert await delete(mine, staff["staff"], uuid4()) == "NOT_FOUND"
    assert await delete(mine, staff["staff"]) is None
    assert await delete(mine, staff["staff"]) == "NOT_FOUND"
    theirs = await note(staff["owner"])
    assert await delete(theirs, staff["staff"]) == "UNAUTHORIZED"
    assert await delete(await note(staff["staff"]), staff["owner"]) is None
    for body in ("", " \n ", "x" * 5001):
        assert code(await note(staff["owner"], body)) == "INVALID_ARGUMENTS"
    assert code(await note(staff["owner"], "x" * 5000)) is None
    events = await diary.events("note_added")
    assert len(events) == 4
    assert json.loads(events[0]["data"]) == {"note_id": mine["note_id"]}
    nobody = await diary.call("add_note", lead_id=uuid4(), body="x", staff_id=None, author="y")
    assert code(nobody) == "NOT_FOUND"


async def test_who_is_erased_leaves_no_name_with_those_who_were_split_from_them(
    diary: Diary,
) -> None:
    booked = await diary.book(at("09:00"), ANN)
    ann = UUID(booked["contact_id"])
    done = await split(diary, ann, "Amy Brown", booked)
    erased = await diary.call("erase_person", lead_id=ann, actor="owner@a.example")
    assert code(erased) is None
    for table in ("leads", "appointments", "lead_changes", "events"):
        rows = await diary.owner.fetch(f"SELECT {table}::text FROM {table}")
        assert not [row for row in rows if "Ann" in row[0]], table
    row = await diary.row(booked)
    assert json.loads(row["metadata"])["patient"]["name"] == "Amy Brown"
    assert code(await undo(diary, done)) == "NOT_FOUND"

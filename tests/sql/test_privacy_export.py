"""A person's data out: everything that an erasure would take, and nothing of anybody else."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

from tests.sql.diary import BOB, NOW, Caller, Diary, at, code
from tests.sql.people import known_person


async def test_everything_that_is_held_is_in_it(diary: Diary) -> None:
    person = await known_person(diary)

    out = await diary.call("export_person", lead_id=person.lead_id)

    assert (out["schema"], out["schema_version"]) == ("voxanne.person-export", 1)
    assert out["lead_id"] == str(person.lead_id)
    assert [len(out[kind]) for kind in ("people", "appointments", "texts", "messages")] == [
        2,
        2,
        3,
        1,
    ]
    assert [len(out[kind]) for kind in ("notes", "waitlist", "changes", "scores")] == [1] * 4
    assert [row["kind"] for row in out["consents"]] == ["opt_in", "opt_out"]
    assert [call["call_id"] for call in out["calls"]] == ["call-777", "older-777"]
    assert out["calls"][0]["transcript"] == "Zuzanna Holt speaks"
    assert out["calls"][1]["reports"][0]["payload"]["transcript"] == "Zuzanna Holt"
    assert out["next_call"] is None
    booked = out["appointments"][-1]
    assert booked["patient"]["email"] == "zuzanna@example.com"
    assert booked["notes"] == "Zuzanna is afraid of needles"
    assert {row["channel"] for row in booked["deliveries"]} == {"calendar", "sms", "email"}
    assert out["people"][0]["birth_date"] == "1980-05-31"
    assert out["numbers"]["own"] == sorted(["+442077760111", "+442077760222", "+4420777601119"])


async def test_every_table_with_the_marker_is_exported_or_said_why_not(diary: Diary) -> None:
    """What an erasure deletes, the export shows: both go by person_records."""
    person = await known_person(diary)
    told = json.dumps(await diary.call("export_person", lead_id=person.lead_id))
    for words in ("new dog", "needles", "STOP Zuzanna", "It's Zuzanna", "Call Zuzanna"):
        assert words in told
    assert "org_id" not in told
    links = await diary.owner.fetchval("SELECT token FROM appointment_links")
    assert links not in told  # a way in is no data
    assert "Zuzanna-booking" not in told


async def test_nothing_of_anybody_else(diary: Diary) -> None:
    person = await known_person(diary)
    await diary.book(at("16:00"), BOB, metadata={"notes": "Bob likes tea"})
    child = Caller("Bruno Holt", person.number)
    await diary.book(at("15:00"), child, metadata={"notes": "Bruno's own"})
    out = await diary.call("export_person", lead_id=person.lead_id)
    assert not [word for word in ("Bob", "Bruno") if word in json.dumps(out)]
    assert person.number in out["numbers"]["shared"]


async def test_calls_come_in_pages(diary: Diary) -> None:
    person = await known_person(diary)
    await diary.owner.executemany(
        "INSERT INTO calls (org_id, call_id, caller_phone, started_at) VALUES ($1, $2, $3, $4)",
        [(diary.org_id, f"many-{n:03}", person.number, NOW - timedelta(days=n)) for n in range(45)],
    )
    page = await diary.call("export_person", lead_id=person.lead_id)
    seen = [call["call_id"] for call in page["calls"]]
    while page["next_call"]:
        page = await diary.call(
            "export_person", lead_id=person.lead_id, after_call=page["next_call"]
        )
        assert page.keys() == {"success", "calls", "next_call"}
        assert len(page["calls"]) <= 20
        seen += [call["call_id"] for call in page["calls"]]
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 47


async def test_nobody(diary: Diary) -> None:
    assert code(await diary.call("export_person", lead_id=uuid4())) == "NOT_FOUND"
    assert code(await diary.call("erasure_outlook", lead_id=uuid4())) == "NOT_FOUND"


async def test_the_outlook_counts_what_would_go(diary: Diary) -> None:
    person = await known_person(diary)
    merged = await diary.owner.fetchval("SELECT id FROM leads WHERE merged_into IS NOT NULL")
    outlook = await diary.call("erasure_outlook", lead_id=merged)
    assert outlook["lead"]["name"] == "Zuzanna Holt"
    assert outlook["people"] == 2
    assert [UUID(each["id"]) for each in outlook["upcoming"]] == [
        UUID((person.upcoming or {})["appointment_id"])
    ]
    assert outlook["counts"] == {
        "appointments": 2, "calls": 2, "texts": 3, "messages": 1, "notes": 1, "waitlist": 1,
    }  # fmt: skip

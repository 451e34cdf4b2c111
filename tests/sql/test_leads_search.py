"""Finding people: by part of a name, number or address, filtered, in each order, page by page."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.database import Booking
from tests.sql.diary import ANN, BOB, DAY, EVE, NOW, TUESDAY, Caller, Diary, at, code

JOSE = Caller("José García-Márquez", "+34612345678")
MANY = """
INSERT INTO leads (org_id, name, person, phone, created_at)
SELECT $1, 'Pat ' || n, 'pat ' || n, '+44' || 1000000000 + n,
  $2::timestamptz - n * interval '1 hour'
FROM generate_series(1, $3) AS n
"""


async def find(diary: Diary, query: str = "", **more: Any) -> list[str]:
    answer = await diary.call("search_leads", query=query, **more)
    assert code(answer) is None
    return [item["name"] for item in answer["items"]]


@pytest.fixture
async def people(diary: Diary) -> dict[str, UUID]:
    """Ann, Bob, Eve and José, in that order, a minute apart; each booked an hour."""
    ids = {}
    for hour, caller in enumerate((ANN, BOB, EVE, JOSE), 9):
        await diary.set_clock(NOW + timedelta(minutes=hour))
        booked = await diary.book(at(f"{hour:02}:00"), caller)
        ids[caller.name] = UUID(booked["contact_id"])
    return ids


async def merge(diary: Diary, kept: UUID, other: UUID) -> Booking:
    return await diary.call("merge_leads", lead_id=kept, other_id=other, staff_id=None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ann", ["Ann Taylor"]),
        ("TAYL", ["Ann Taylor"]),
        ("taylor ann", ["Ann Taylor"]),
        ("jose", ["José García-Márquez"]),
        ("JOSÉ garcía-márquez", ["José García-Márquez"]),
        ("marquez", ["José García-Márquez"]),
        ("e", ["José García-Márquez", "Eve Miller", "Bob Jones"]),
        ("nobody", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("ann bob", []),
        ("+44 (0)20 7946 0958", ["Ann Taylor"]),
        ("020 7946 0958", ["Ann Taylor"]),
        ("7946 0111", ["Bob Jones"]),
        ("794601", ["Bob Jones"]),
        ("0034 612-345-678", ["José García-Márquez"]),
        ("999999", []),
        ("000", []),
    ],
)
async def test_part_of_a_name_or_number_finds_people(
    diary: Diary, people: dict[str, UUID], query: str, found: list[str]
) -> None:
    assert await find(diary, query) == found


async def test_an_email_address_is_found_by_part(diary: Diary) -> None:
    await diary.book(at("09:00"), ANN, patient_email="ann_t@Clinic.example")
    await diary.book(at("10:00"), BOB, patient_email="annxt@clinic.example")
    assert await find(diary, "Ann_T@clinic") == ["Ann Taylor"]
    assert sorted(await find(diary, "@clinic.example")) == ["Ann Taylor", "Bob Jones"]


async def test_a_whole_number_is_found_by_index_however_many_there_are(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    owner = diary.owner
    await owner.execute("UPDATE leads SET created_at = $1", NOW - 9000 * DAY)
    await owner.execute(MANY, diary.org_id, NOW, 20_500)
    assert booked["success"]
    assert await find(diary, "020 7946 0958") == []
    assert await find(diary, "020 7946 0958", phone=ANN.phone) == ["Ann Taylor"]


async def test_who_was_merged_is_found_as_the_kept_one(
    diary: Diary, people: dict[str, UUID]
) -> None:
    assert code(await merge(diary, people["Ann Taylor"], people["Bob Jones"])) is None
    everybody = ["José García-Márquez", "Eve Miller", "Ann Taylor"]
    assert await find(diary) == everybody
    assert await find(diary, "bob") == ["Ann Taylor"]
    assert await find(diary, "7946 0111") == ["Ann Taylor"]
    assert await find(diary, "7946 0111", phone=BOB.phone) == ["Ann Taylor"]
    await diary.owner.execute("UPDATE leads SET email = 'bob@x.example' WHERE name = 'Bob Jones'")
    assert await find(diary, "bob@x") == ["Ann Taylor"]
    (ann,) = (await diary.call("search_leads", query="ann"))["items"]
    assert ann["people"] == 2


async def test_a_line_says_what_is_next_and_what_was(diary: Diary, people: dict[str, UUID]) -> None:
    await diary.service("consultation", 60)
    await diary.owner.execute("UPDATE services SET name = 'Consultation'")
    await diary.set_clock(at("11:30"))
    lines = (await diary.call("search_leads"))["items"]
    by_name = {line["name"]: line for line in lines}
    jose, bob = by_name[JOSE.name], by_name["Bob Jones"]
    assert jose["next"]["service"] == "Consultation"
    assert jose["last_visit_at"] is None
    assert (bob["next"], bob["no_shows"]) == (None, 0)
    assert bob["last_visit_at"].startswith("2027-06-08T09:00")


async def test_filters(diary: Diary, people: dict[str, UUID]) -> None:
    owner = diary.owner
    await owner.execute(
        "INSERT INTO lead_scores (org_id, lead_id, score, tier, reasons, scored_at) "
        "VALUES ($1, $2, 90, 'hot', '[]', $4), ($1, $3, 20, 'cold', '[]', $4)",
        diary.org_id,
        people["Bob Jones"],
        people["Eve Miller"],
        NOW,
    )
    await owner.execute(
        "UPDATE appointments SET status = 'no_show', source = 'staff' WHERE contact_id = $1",
        people["Ann Taylor"],
    )
    assert await find(diary, tier="hot") == ["Bob Jones"]
    assert await find(diary, tier="warm") == []
    assert await find(diary, no_shows=True) == ["Ann Taylor"]
    assert await find(diary, upcoming=False) == ["Ann Taylor"]
    assert await find(diary, upcoming=True) == ["José García-Márquez", "Eve Miller", "Bob Jones"]
    assert await find(diary, sources=["staff"]) == ["Ann Taylor"]
    assert await find(diary, "bob", sources=["staff"]) == []
    assert await find(diary, since=NOW + timedelta(minutes=11)) == [JOSE.name, "Eve Miller"]
    await merge(diary, people["Bob Jones"], people["Ann Taylor"])
    assert await find(diary, no_shows=True, upcoming=True) == ["Bob Jones"]


async def test_each_order_and_all_its_pages(diary: Diary, people: dict[str, UUID]) -> None:
    owner = diary.owner
    for name, score in (("Bob Jones", 90), ("Eve Miller", 20)):
        await owner.execute(
            "INSERT INTO lead_scores VALUES ($1, $2, $3, 'warm', '[]', $4)",
            diary.org_id,
            people[name],
            score,
            NOW,
        )
    unscored = sorted(["Ann Taylor", JOSE.name], key=lambda name: people[name], reverse=True)
    orders = {
        "newest": [JOSE.name, "Eve Miller", "Bob Jones", "Ann Taylor"],
        "name": ["Ann Taylor", "Bob Jones", "Eve Miller", JOSE.name],
        "score": ["Bob Jones", "Eve Miller", *unscored],
    }
    for order, expected in orders.items():
        assert await find(diary, order=order) == expected, order
        pages, after = [], None
        while True:
            page = await diary.call("search_leads", order=order, after_id=after, limit=1)
            pages += [item["name"] for item in page["items"]]
            if page["after_id"] is None:
                break
            after = UUID(page["after_id"])
        assert pages == expected, order


async def test_nobody_is_lost_among_many_of_one_moment(diary: Diary) -> None:
    await diary.owner.execute(MANY.replace("n * interval '1 hour'", "interval '1 hour'"),
                              diary.org_id, NOW, 500)  # fmt: skip
    for order in ("newest", "name", "score"):
        seen: list[str] = []
        page = await diary.call("search_leads", order=order, limit=150)
        while True:
            seen += [item["lead_id"] for item in page["items"]]
            if page["after_id"] is None:
                break
            page = await diary.call(
                "search_leads", order=order, limit=150, after_id=UUID(page["after_id"])
            )
        assert len(seen) == len(set(seen)) == 500, order


async def test_a_search_among_very_many_goes_on_where_it_stopped(diary: Diary) -> None:
    await diary.owner.execute(MANY, diary.org_id, NOW, 30_000)
    await diary.owner.execute("UPDATE leads SET person = 'zoe last' WHERE person = 'pat 29999'")
    first = await diary.call("search_leads", query="zoe")
    assert first["items"] == []
    assert first["after_id"] is not None
    second = await diary.call("search_leads", query="zoe", after_id=UUID(first["after_id"]))
    assert [item["name"] for item in second["items"]] == ["Pat 29999"]
    assert second["after_id"] is None


async def test_what_is_no_search_is_refused(diary: Diary) -> None:
    assert code(await diary.call("search_leads", query="x" * 201)) == "INVALID_ARGUMENTS"
    assert code(await diary.call("search_leads", order="phone")) == "INVALID_ARGUMENTS"


async def test_holds_are_neither_visits_nor_sources(diary: Diary) -> None:
    await diary.join(ANN)
    booked = await diary.book(at("09:00", TUESDAY), BOB)
    await diary.cancel(booked)
    assert await find(diary, sources=["sql", "rpc"]) == ["Bob Jones"]
    assert sorted(await find(diary, upcoming=False)) == ["Ann Taylor", "Bob Jones"]


@pytest.mark.parametrize("order", ["newest", "name", "score"])
async def test_after_somebody_who_is_gone_there_is_no_page(diary: Diary, order: str) -> None:
    """Rather than the first one again."""
    await diary.owner.execute(MANY, diary.org_id, NOW, 3)
    page = await diary.call("search_leads", order=order, limit=1)
    last = UUID(page["after_id"])
    await diary.owner.execute("DELETE FROM leads WHERE id = $1", last)
    refused = await diary.call("search_leads", order=order, limit=1, after_id=last)
    assert (code(refused), refused["where"]) == ("INVALID_ARGUMENTS", "after")

"""Staff alerts: those of one kind are told of together, and only so often."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.sql.diary import NOW, Diary, code

HOUR = timedelta(hours=1)


async def raise_alerts(diary: Diary, count: int, kind: str = "delivery_failed") -> None:
    for _ in range(count):
        await diary.owner.fetchval(
            "SELECT store_alert($1, $2, NULL, NULL, gen_random_uuid(), current_moment())",
            diary.org_id,
            kind,
        )


async def claim_alerts(diary: Diary, limit: int = 100) -> list[Any]:
    claimed = await diary.database.call(
        diary.api,
        "claim_organization_deliveries",
        diary.org_id,
        channel="alert",
        limit=limit,
        in_flight_max=1000,
        lease_seconds=600,
    )
    return [delivery["details"] for delivery in claimed["deliveries"]]


async def test_alerts_of_a_kind_that_wait_are_told_of_together(diary: Diary) -> None:
    await raise_alerts(diary, 40)
    await raise_alerts(diary, 1, "calendar_broken")
    details = await claim_alerts(diary)
    told = [one for one in details if one["told_with"] == one["alert_id"]]
    assert sorted((one["kind"], one["others"]) for one in told) == [
        ("calendar_broken", 0),
        ("delivery_failed", 39),
    ]


async def test_an_outage_sends_a_few_messages_an_hour_and_counts_the_rest(diary: Diary) -> None:
    told = 0
    waits: set[float] = set()
    for _ in range(30):
        await raise_alerts(diary, 1, "calendar_conflict")
        (details,) = await claim_alerts(diary)
        told += details["told_with"] == details["alert_id"]
        waits.add(details["wait_seconds"])
    assert told == 6
    assert waits == {None, 3600}

    await diary.set_clock(NOW + HOUR)
    await raise_alerts(diary, 1, "calendar_conflict")
    # All come again, none was settled. Whichever is first counts those that waited.
    again = [one for one in await claim_alerts(diary) if one["told_with"] == one["alert_id"]]
    assert sum(1 + one["others"] for one in again) == 31
    assert len(again) in (6, 7)


async def test_more_emergencies_are_told_of_one_by_one(diary: Diary) -> None:
    for _ in range(20):
        await raise_alerts(diary, 1, "emergency")
        (details,) = await claim_alerts(diary)
        assert details["told_with"] == details["alert_id"]


async def test_where_staff_are_told_is_set_and_taken_away(diary: Diary) -> None:
    for value in (b"x", None):
        answer = await diary.database.call(
            diary.api, "set_alert_urls", diary.org_id, encrypted_urls=value
        )
        assert answer["success"] is True
        stored = await diary.owner.fetchval(
            "SELECT alert_urls FROM organizations WHERE id = $1", diary.org_id
        )
        assert stored == value
    missing = await diary.database.call(diary.api, "set_alert_urls", uuid4(), encrypted_urls=b"x")
    assert code(missing) == "INVALID_ORGANIZATION"

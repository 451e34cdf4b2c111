"""Webhooks are told of every event once it is committed, whatever commits when."""

from datetime import timedelta

import pytest

from tests.database import Database, book
from tests.sql.diary import DAY, NOW, code
from tests.sql.test_plans import EXPLAIN_EVERYTHING, nodes, plans_of
from tests.sql.told import Webhooks

HOUR = timedelta(hours=1)


async def test_each_webhook_is_told_of_its_kinds_from_its_making_on(webhooks: Webhooks) -> None:
    await webhooks.event()
    everything, cancellations = await webhooks.add(), await webhooks.add("cancelled")
    booked, cancelled = await webhooks.event("booked"), await webhooks.event("cancelled")
    assert await webhooks.unread()

    assert await webhooks.fan_out() > 0
    assert await webhooks.fan_out() == 0

    assert await webhooks.told(everything) == [booked, cancelled]
    assert await webhooks.told(cancellations) == [cancelled]
    assert not await webhooks.unread()
    queued = await webhooks.deliveries(everything)
    assert [(row["kind"], row["version"], row["status"]) for row in queued] == [
        ("webhook", 1, "queued"),
        ("webhook", 1, "queued"),
    ]


async def test_an_event_that_commits_late_is_not_lost(
    webhooks: Webhooks, database: Database
) -> None:
    """The slow transaction has the lower id; the quick one's event is committed before it."""
    webhook = await webhooks.add()
    slow, quick = await database.connect_owner(), await database.connect_owner()
    transaction = slow.transaction()
    await transaction.start()
    late = await webhooks.event("booked", slow)
    early = await webhooks.event("cancelled", quick)

    await webhooks.fan_out()
    assert await webhooks.told(webhook) == []  # the quick one waits for the slow one

    await transaction.commit()
    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [late, early]


async def test_a_webhook_made_while_something_is_booked_hears_of_it(
    webhooks: Webhooks, database: Database
) -> None:
    slow = await database.connect_owner()
    transaction = slow.transaction()
    await transaction.start()
    late = await webhooks.event("booked", slow)
    webhook = await webhooks.add()
    await transaction.commit()

    await webhooks.fan_out()
    assert late in await webhooks.told(webhook)


async def test_two_workers_at_once_tell_once(webhooks: Webhooks, database: Database) -> None:
    """The second finds the webhook locked, goes on without it, and has nothing left later."""
    webhook = await webhooks.add()
    event = await webhooks.event()
    rival = await database.connect_owner()
    transaction = rival.transaction()
    await transaction.start()
    await database.others_are_done()
    await rival.fetchval("SELECT queue_webhook_messages($1)", webhooks.org_id)

    assert await webhooks.fan_out() == 0
    await transaction.commit()
    assert await webhooks.fan_out() == 0
    assert await webhooks.told(webhook) == [event]


async def test_a_crash_between_reading_and_commit_loses_nothing(
    webhooks: Webhooks, database: Database
) -> None:
    webhook = await webhooks.add()
    event = await webhooks.event()
    crashing = await database.connect_owner()
    transaction = crashing.transaction()
    await transaction.start()
    await database.others_are_done()
    await crashing.fetchval("SELECT queue_webhook_messages($1)", webhooks.org_id)
    await transaction.rollback()

    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [event]


async def test_a_restored_database_that_counts_anew_goes_on(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.diary.owner.execute("UPDATE webhooks SET read_transaction = '999999999999'")
    assert await webhooks.unread()
    await webhooks.fan_out()
    event = await webhooks.event()
    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [event]
    assert not await webhooks.unread()


async def test_a_new_url_begins_the_count_anew(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.note(webhook, "failed")
    same = await webhooks.call("change_webhook", webhook_id=webhook, url="https://a.test")
    assert same["webhook"]["failing_since"] is not None
    other = await webhooks.call("change_webhook", webhook_id=webhook, url="https://b.test")
    assert other["webhook"]["failing_since"] is None


async def test_many_events_come_in_batches(webhooks: Webhooks) -> None:
    webhook = await webhooks.add("booked")
    await webhooks.diary.owner.execute(
        "INSERT INTO events (org_id, kind) SELECT $1, 'booked' FROM generate_series(1, 1100)",
        webhooks.org_id,
    )
    assert [await webhooks.fan_out() for _ in range(4)] == [500, 500, 100, 0]
    assert len(set(await webhooks.told(webhook))) == 1100


async def test_a_real_booking_is_told(webhooks: Webhooks) -> None:
    webhook = await webhooks.add("booked")
    booking = await book(webhooks.diary.owner, webhooks.org_id, scheduled_at=NOW + DAY)
    await webhooks.fan_out()

    (claimed,) = await webhooks.claim()
    details = claimed["details"]
    assert details["event"]["appointment_id"] == booking["appointment_id"]
    assert details["encrypted_secrets"] == ["s1"]
    assert details["webhook_id"] == str(webhook)
    assert "Ann" not in str(details)


async def test_replay_sends_again_under_the_same_ids(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    first = await webhooks.event()
    await webhooks.diary.set_clock(NOW + HOUR)
    second = await webhooks.event()
    await webhooks.fan_out()
    before = await webhooks.claim()
    for delivery in before:
        assert await webhooks.finish(delivery, "delivered")

    answer = await webhooks.call("replay_webhook", webhook_id=webhook, **{"from": NOW + HOUR})
    assert answer["from_event"] == second
    assert await webhooks.unread()
    await webhooks.fan_out()
    (again,) = await webhooks.claim()
    assert again["subject_id"] in {delivery["subject_id"] for delivery in before}
    assert again["tries"] == 1
    await webhooks.finish(again, "delivered")

    transaction, event = first.split("-")
    await webhooks.call(
        "replay_webhook", webhook_id=webhook, transaction=int(transaction), event=int(event)
    )
    await webhooks.fan_out()
    assert {delivery["subject_id"] for delivery in await webhooks.claim()} == {
        delivery["subject_id"] for delivery in before
    }


async def test_replay_keeps_the_ids_of_messages_that_were_swept(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.event()
    await webhooks.fan_out()
    (before,) = await webhooks.deliveries(webhook)
    await webhooks.diary.owner.execute("DELETE FROM webhook_messages")

    await webhooks.call("replay_webhook", webhook_id=webhook, **{"from": NOW})
    await webhooks.fan_out()
    (after,) = await webhooks.deliveries(webhook)
    assert after["subject_id"] == before["subject_id"]


async def test_replay_never_goes_forward_nor_further_back_than_is_kept(
    webhooks: Webhooks,
) -> None:
    webhook = await webhooks.add()
    unread = await webhooks.event()
    last = await webhooks.event()
    transaction, event = last.split("-")
    await webhooks.call(
        "replay_webhook", webhook_id=webhook, transaction=int(transaction), event=int(event)
    )
    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [unread, last]

    await webhooks.diary.set_clock(NOW + 31 * DAY)
    answer = await webhooks.call("replay_webhook", webhook_id=webhook, transaction=1, event=1)
    assert answer["from_event"] is None  # all that happened is too old
    assert await webhooks.fan_out() == 0


@pytest.mark.parametrize(
    "given", [{}, {"from": NOW, "transaction": 1, "event": 1}, {"transaction": 1}, {"event": 1}]
)
async def test_replay_needs_one_place_to_begin(
    webhooks: Webhooks, given: dict[str, object]
) -> None:
    webhook = await webhooks.add()
    assert code(await webhooks.call("replay_webhook", webhook_id=webhook, **given)) == (
        "INVALID_ARGUMENTS"
    )


async def test_a_webhook_that_fails_for_days_is_turned_off_and_staff_are_told(
    webhooks: Webhooks,
) -> None:
    webhook = await webhooks.add("booked")
    await webhooks.event()
    await webhooks.fan_out()
    assert await webhooks.note(webhook, "failed") == "active"
    await webhooks.diary.set_clock(NOW + 3 * DAY - HOUR)
    assert await webhooks.note(webhook, "failed") == "active"
    await webhooks.diary.set_clock(NOW + 3 * DAY)
    assert await webhooks.note(webhook, "failed") == "disabled"

    assert (await webhooks.one(webhook))["status"] == "disabled"
    (parked,) = await webhooks.deliveries(webhook)
    assert (parked["status"], parked["moving"]) == ("queued", False)
    alerts = await webhooks.diary.owner.fetch("SELECT kind FROM alerts")
    assert [row["kind"] for row in alerts] == ["webhook_disabled"]
    assert await webhooks.note(webhook, "failed") == "disabled"  # and not told twice
    assert len(await webhooks.diary.owner.fetch("SELECT FROM alerts")) == 1


async def test_one_success_begins_the_count_anew(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.note(webhook, "failed")
    assert (await webhooks.one(webhook))["failing_since"] is not None
    await webhooks.note(webhook, "delivered")
    assert (await webhooks.one(webhook))["failing_since"] is None
    await webhooks.diary.set_clock(NOW + 4 * DAY)
    assert await webhooks.note(webhook, "failed") == "active"


async def test_a_receiver_that_is_gone_is_turned_off_at_once(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    assert await webhooks.note(webhook, "gone") == "disabled"


async def test_turned_on_again_it_gets_what_it_missed(webhooks: Webhooks) -> None:
    webhook = await webhooks.add("booked")
    given_up, waiting = await webhooks.event(), await webhooks.event()
    await webhooks.fan_out()
    await webhooks.note(webhook, "failed")
    await webhooks.finish((await webhooks.claim())[0], "failed")
    await webhooks.note(webhook, "gone")
    missed = await webhooks.event()
    assert await webhooks.fan_out() == 0  # one that is off reads nothing
    assert not await webhooks.unread()

    answer = await webhooks.call("change_webhook", webhook_id=webhook, status="active")
    assert answer["webhook"]["status"] == "active"
    assert answer["webhook"]["failing_since"] is None
    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [given_up, waiting, missed]
    again = await webhooks.deliveries(webhook)
    assert [(row["status"], row["moving"]) for row in again] == [("queued", True)] * 3
    assert len(await webhooks.claim()) == 3


async def test_an_attempt_under_way_while_it_is_turned_on_is_begun_anew(
    webhooks: Webhooks,
) -> None:
    """It found the webhook off, and would park what nobody would ever set going again."""
    webhook = await webhooks.add()
    await webhooks.event()
    await webhooks.fan_out()
    (claimed,) = await webhooks.claim()
    await webhooks.call("change_webhook", webhook_id=webhook, status="disabled")
    await webhooks.call("change_webhook", webhook_id=webhook, status="active")

    assert await webhooks.finish(claimed, "queued") is False
    (row,) = await webhooks.deliveries(webhook)
    assert (row["status"], row["moving"]) == ("queued", True)


async def test_what_is_too_old_is_not_caught_up_on(webhooks: Webhooks) -> None:
    webhook = await webhooks.add("booked")
    await webhooks.call("change_webhook", webhook_id=webhook, status="disabled")
    await webhooks.event()
    await webhooks.diary.set_clock(NOW + 31 * DAY)
    recent = await webhooks.event()
    await webhooks.call("change_webhook", webhook_id=webhook, status="active")
    await webhooks.fan_out()
    assert await webhooks.told(webhook) == [recent]


async def test_reading_on_takes_an_index_however_long_the_log(
    webhooks: Webhooks, database: Database
) -> None:
    await webhooks.diary.owner.execute(
        "INSERT INTO events (org_id, kind) SELECT $1, 'booked' FROM generate_series(1, 20000)",
        webhooks.org_id,
    )
    await webhooks.add()
    await webhooks.event()
    await webhooks.diary.owner.execute("ANALYZE")
    superuser = await database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    for query, arguments in (
        ("SELECT organizations_with_unread_events(10)", ()),
        ("SELECT queue_webhook_messages($1)", (webhooks.org_id,)),
    ):
        plans = await plans_of(superuser, query, *arguments)
        scans = [
            node
            for plan in plans.values()
            for node in nodes(plan)
            if node.get("Relation Name") == "events" and node["Node Type"] != "ModifyTable"
        ]
        assert scans
        for scan in scans:
            assert scan["Index Name"] == "events_pkey"
            assert "ROW(" in scan["Index Cond"]

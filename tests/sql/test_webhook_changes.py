"""What staff do with a clinic's webhooks, and what is kept of them."""

from uuid import uuid4

from tests.sql.diary import DAY, NOW, code
from tests.sql.told import Webhooks


async def test_a_rotated_secret_overlaps_for_a_day(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    rotated = await webhooks.call(
        "rotate_webhook_secret", webhook_id=webhook, encrypted_secret="s2"
    )
    assert rotated["webhook"]["version"] == 2
    await webhooks.call("ping_webhook", webhook_id=webhook)
    (claimed,) = await webhooks.claim()
    assert claimed["details"]["encrypted_secrets"] == ["s2", "s1"]

    await webhooks.diary.set_clock(NOW + DAY)
    await webhooks.call("ping_webhook", webhook_id=webhook)
    assert [one["details"]["encrypted_secrets"] for one in await webhooks.claim()][-1] == ["s2"]


async def test_a_ping_goes_to_its_webhook_alone_and_once(webhooks: Webhooks) -> None:
    pinged, other = await webhooks.add("cancelled"), await webhooks.add()
    await webhooks.call("ping_webhook", webhook_id=pinged)
    await webhooks.fan_out()
    assert len(await webhooks.told(pinged)) == 1
    assert await webhooks.told(other) == []


async def test_a_removed_webhook_leaves_nothing(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.event()
    await webhooks.fan_out()
    assert (await webhooks.call("remove_webhook", webhook_id=webhook))["success"]
    owner = webhooks.diary.owner

    assert await webhooks.claim() == []
    assert code(await webhooks.call("list_webhooks", webhook_id=webhook)) == "NOT_FOUND"
    assert (await webhooks.call("list_webhooks"))["items"] == []
    assert await owner.fetchval("SELECT encrypted_secret FROM webhooks") == ""
    found = await webhooks.diary.api.fetchval("SELECT organizations_with_old_webhook_messages(10)")
    assert str(webhooks.org_id) in found
    sweep = "SELECT sweep_webhook_messages($1)"
    assert await webhooks.diary.api.fetchval(sweep, webhooks.org_id) == 1
    for table in ("webhooks", "webhook_messages"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await owner.fetchval("SELECT count(*) FROM deliveries WHERE kind = 'webhook'") == 0


async def test_messages_are_kept_for_thirty_days(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    await webhooks.event()
    await webhooks.fan_out()
    await webhooks.diary.set_clock(NOW + 20 * DAY)
    kept = await webhooks.event()
    await webhooks.fan_out()
    await webhooks.diary.set_clock(NOW + 31 * DAY)
    assert (
        await webhooks.diary.api.fetchval("SELECT sweep_webhook_messages($1)", webhooks.org_id) == 1
    )
    assert await webhooks.told(webhook) == [kept]


async def test_versions_and_what_isnt_there(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    changed = await webhooks.call("change_webhook", webhook_id=webhook, kinds=["booked"], version=1)
    assert changed["webhook"]["version"] == 2
    for function, given in (
        ("change_webhook", {"url": "https://b.test"}),
        ("rotate_webhook_secret", {"encrypted_secret": "x"}),
        ("remove_webhook", {}),
    ):
        stale = await webhooks.call(function, webhook_id=webhook, version=1, **given)
        assert (stale["error"], stale["version"]) == ("STALE_VERSION", 2)
        gone = await webhooks.call(function, webhook_id=uuid4(), **given)
        assert code(gone) == "NOT_FOUND"
    for function in ("ping_webhook", "list_webhook_messages"):
        assert code(await webhooks.call(function, webhook_id=uuid4())) == "NOT_FOUND"


async def test_as_many_as_a_clinic_may_have(webhooks: Webhooks) -> None:
    for _ in range(20):
        await webhooks.add()
    refused = await webhooks.call(
        "create_webhook", url="https://a.test", kinds=[], encrypted_secret="s"
    )
    assert code(refused) == "LIMIT_REACHED"


async def test_the_same_request_makes_one_webhook(webhooks: Webhooks) -> None:
    asked = {
        "url": "https://a.test",
        "kinds": [],
        "idempotency_key": "k",
        "request_hash": "h",
    }
    first = await webhooks.call("create_webhook", encrypted_secret="s1", **asked)
    second = await webhooks.call("create_webhook", encrypted_secret="s2", **asked)
    assert second["replayed"] is True
    assert second["webhook"]["id"] == first["webhook"]["id"]
    assert second["encrypted_secret"] == "s1"
    other = await webhooks.call(
        "create_webhook", encrypted_secret="s", **asked | {"request_hash": ""}
    )
    assert code(other) == "IDEMPOTENCY_MISMATCH"


async def test_messages_are_listed_with_what_became_of_them(webhooks: Webhooks) -> None:
    webhook = await webhooks.add()
    first, second = await webhooks.event(), await webhooks.event("cancelled")
    await webhooks.fan_out()
    await webhooks.finish((await webhooks.claim())[0], "delivered")

    listed = await webhooks.call("list_webhook_messages", webhook_id=webhook)
    assert [f"{row['transaction_id']}-{row['event_id']}" for row in listed["items"]] == [
        second,
        first,
    ]
    assert [row["event_kind"] for row in listed["items"]] == ["cancelled", "booked"]
    delivered = await webhooks.call("list_webhook_messages", webhook_id=webhook, status="delivered")
    assert len(delivered["items"]) == 1
    transaction, event = second.split("-")
    older = await webhooks.call(
        "list_webhook_messages",
        webhook_id=webhook,
        after_transaction=int(transaction),
        after_event=int(event),
    )
    assert len(older["items"]) == 1

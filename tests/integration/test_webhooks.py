"""What happens in a clinic reaches its own systems: signed, at least once, under ids that stay."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from standardwebhooks import WebhookVerificationError

from tests.database import Database
from tests.integration.clinics import Json, open_clinic, running_api
from tests.integration.receivers import Receiver, Telling, telling
from tests.integration.v1_requests import HOUR, THURSDAY, client, ok, refusal
from voxanne.deliveries.webhooks import open_webhook_client
from voxanne.outbox.backoff import BACKOFFS
from voxanne.outbox.webhooks import EVENT_TYPES, new_secret, sweep_messages

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[Telling]:
    async with telling(database) as scene:
        yield scene


async def test_a_booking_reaches_the_clinics_system(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    booked = await clinic.staff.book()

    assert await clinic.work() == 1

    (received,) = clinic.receiver.received
    received.verify(webhook["secret"])
    assert received.path == "/hook"
    assert received.headers["content-type"] == "application/json"
    assert re.fullmatch("msg_[0-9a-f]{32}", received.id)
    event = (await clinic.staff.get("events"))["items"][-1]
    assert received.json == {
        "type": "appointment.booked",
        "timestamp": event["created_at"],
        "data": {
            "event_id": event["id"],
            "organization_id": str(clinic.api.clinic.id),
            "appointment_id": booked["id"],
            "lead_id": booked["lead_id"],
            "call_id": None,
            "details": {},
        },
    }
    (message,) = await clinic.messages(webhook)
    assert (message["id"], message["status"]) == (received.id, "delivered")
    assert (message["type"], message["event_id"]) == ("appointment.booked", event["id"])
    assert await clinic.work() == 0


async def test_no_patient_is_in_any_message(clinic: Telling) -> None:
    await clinic.add()
    booked = await clinic.staff.book()
    moved = {"scheduled_at": (THURSDAY + HOUR).isoformat()}
    await clinic.staff.patch(f"appointments/{booked['id']}", moved)
    await clinic.staff.patch(f"leads/{booked['lead_id']}", {"email": "maya@example.com"})
    await clinic.staff.post(f"appointments/{booked['id']}/cancel")
    await clinic.work()

    said = b" ".join(one.body for one in clinic.receiver.received)
    assert {"appointment.booked", "appointment.moved", "lead.changed", "appointment.cancelled"} <= {
        *clinic.receiver.types
    }
    for secret in (b"Maya", b"Okafor", b"7700900123", b"example.com"):
        assert secret not in said


async def test_events_are_told_in_their_order(clinic: Telling) -> None:
    """One at a time, as when it isn't busy; each has its event's id to put it in order by."""
    await clinic.add()
    for hours in range(3):
        await clinic.staff.book(THURSDAY + hours * HOUR)
        await clinic.work()
    assert clinic.receiver.types == ["appointment.booked"] * 3
    ids = [
        tuple(map(int, one.json["data"]["event_id"].split("-"))) for one in clinic.receiver.received
    ]
    assert ids == sorted(ids)


async def test_while_secrets_overlap_either_verifies(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    rotated = await clinic.staff.post(f"webhooks/{webhook['id']}/rotate")
    assert rotated["secret"] != webhook["secret"]
    assert rotated["old_secret_until"] is not None
    await clinic.staff.book()
    await clinic.work()
    (both,) = clinic.receiver.received
    both.verify(webhook["secret"], rotated["secret"])
    assert len(both.headers["webhook-signature"].split(" ")) == 2

    await clinic.later(hours=25)
    await clinic.staff.book(THURSDAY + HOUR)
    await clinic.work()
    alone = clinic.receiver.received[-1]
    alone.verify(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        alone.verify(webhook["secret"])
    assert (await clinic.webhook(webhook))["old_secret_until"] is None


async def test_a_failed_message_is_tried_again_under_its_id(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    clinic.receiver.answer(500)
    await clinic.staff.book()
    await clinic.work()
    (waiting,) = await clinic.messages(webhook)
    assert (waiting["status"], waiting["attempts"]) == ("queued", 1)
    assert waiting["error"] == "The receiver answered with status 500."
    assert waiting["next_try_at"] is not None
    assert (await clinic.webhook(webhook))["failing_since"] is not None
    assert await clinic.work() == 0  # it isn't due yet

    await clinic.later(seconds=6)
    await clinic.work()
    first, second = clinic.receiver.received
    assert first.id == second.id
    assert first.body == second.body
    (delivered,) = await clinic.messages(webhook)
    assert (delivered["status"], delivered["attempts"]) == ("delivered", 2)
    assert (await clinic.webhook(webhook))["failing_since"] is None


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept(clinic: Telling, status: int) -> None:
    webhook = await clinic.add("appointment.booked")
    clinic.receiver.answer(status, retry_after="7200")
    await clinic.staff.book()
    await clinic.work()
    await clinic.later(hours=1, minutes=59)
    assert await clinic.work() == 0
    await clinic.later(hours=2, seconds=5)
    assert await clinic.work() == 1
    (message,) = await clinic.messages(webhook)
    assert message["status"] == "delivered"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(clinic: Telling, status: int) -> None:
    async with Receiver() as elsewhere:
        webhook = await clinic.add("appointment.booked")
        clinic.receiver.answer(status, location=elsewhere.url)
        await clinic.staff.book()
        await clinic.work()
        assert elsewhere.received == []
    (message,) = await clinic.messages(webhook)
    assert message["error_code"] == f"http_{status}"


def test_the_tries_span_more_than_a_day_and_end_before_the_webhook_does() -> None:
    backoff = BACKOFFS["webhook"]
    waits = [
        min(backoff.first_seconds * 2.0**tries, backoff.longest_seconds)
        for tries in range(backoff.tries_max - 1)
    ]
    # Each is between half and all of it, by chance: of so many, three quarters.
    assert sum(waits) * 0.75 > timedelta(days=1).total_seconds()
    assert sum(waits) < timedelta(days=3).total_seconds()


async def test_what_is_given_up_is_shown_as_failed(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    clinic.receiver.answer(500, 100)
    await clinic.staff.book()
    await clinic.work()
    for tries in range(1, BACKOFFS["webhook"].tries_max):
        await clinic.later(hours=2 * tries)
        await clinic.work()
    (message,) = await clinic.messages(webhook, status="failed")
    assert message["attempts"] == BACKOFFS["webhook"].tries_max
    assert message["error"].startswith("Tried 30 times in vain.")
    assert {one.id for one in clinic.receiver.received} == {message["id"]}
    await clinic.later(days=4)
    assert await clinic.work() == 0


async def test_gone_turns_the_webhook_off_and_staff_are_told(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked", "appointment.cancelled")
    clinic.receiver.answer(410)
    booked = await clinic.staff.book()
    await clinic.work()
    assert (await clinic.webhook(webhook))["status"] == "disabled"
    (alert,) = (await clinic.staff.get("alerts"))["items"]
    assert alert["kind"] == "webhook_disabled"
    (parked,) = await clinic.messages(webhook)
    assert (parked["status"], parked["next_try_at"]) == ("queued", None)

    await clinic.staff.post(f"appointments/{booked['id']}/cancel")
    assert await clinic.work() == 0
    enabled = await clinic.staff.patch(f"webhooks/{webhook['id']}", {"status": "active"})
    assert enabled["status"] == "active"
    await clinic.work()
    gone, backlog, missed = clinic.receiver.received
    assert gone.id == backlog.id
    assert missed.json["type"] == "appointment.cancelled"


async def test_days_of_failure_turn_it_off_and_on_again_it_gets_everything(
    clinic: Telling,
) -> None:
    webhook = await clinic.add("appointment.booked")
    clinic.receiver.answer(500, 1000)
    for day in range(4):
        await clinic.later(days=day, hours=day)
        await clinic.staff.book(THURSDAY + day * HOUR)
        await clinic.work()
    assert (await clinic.webhook(webhook))["status"] == "disabled"
    assert await clinic.work() == 0

    clinic.receiver.answers.clear()
    clinic.receiver.received.clear()
    await clinic.staff.patch(f"webhooks/{webhook['id']}", {"status": "active"})
    await clinic.work()
    assert len({one.id for one in clinic.receiver.received}) == 4
    assert {message["status"] for message in await clinic.messages(webhook)} == {"delivered"}


async def test_a_replay_tells_again_under_the_same_ids(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    await clinic.staff.book()
    await clinic.work()
    moment = await clinic.later(hours=1)
    await clinic.staff.book(THURSDAY + HOUR)
    await clinic.work()
    first, second = (one.id for one in clinic.receiver.received)

    path = f"webhooks/{webhook['id']}/replay"
    await clinic.staff.post(path, {"from": moment.isoformat()})
    await clinic.work()
    assert [one.id for one in clinic.receiver.received[2:]] == [second]

    event = clinic.receiver.received[0].json["data"]["event_id"]
    assert await clinic.staff.post(path, {"from_event": event}) == {"from_event": event}
    await clinic.work()
    assert {one.id for one in clinic.receiver.received[3:]} == {first, second}


async def test_a_ping_is_tried_once_and_reaches_one_that_is_off(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    await clinic.staff.patch(f"webhooks/{webhook['id']}", {"status": "disabled"})
    pinged = await clinic.staff.post(f"webhooks/{webhook['id']}/test")
    await clinic.work()
    (received,) = clinic.receiver.received
    received.verify(webhook["secret"])
    assert (received.id, received.json["type"]) == (pinged["message_id"], "ping")

    clinic.receiver.answer(500)
    await clinic.staff.post(f"webhooks/{webhook['id']}/test")
    await clinic.work()
    newest = (await clinic.messages(webhook))[0]
    assert (newest["type"], newest["status"]) == ("ping", "failed")
    assert (await clinic.webhook(webhook))["failing_since"] is None


async def test_a_removed_webhook_is_told_nothing(clinic: Telling) -> None:
    webhook = await clinic.add()
    await clinic.staff.book()
    ok(await clinic.staff.send("DELETE", f"webhooks/{webhook['id']}"))
    assert await clinic.work() == 0
    assert clinic.receiver.received == []
    assert (await clinic.staff.get("webhooks"))["items"] == []
    await sweep_messages(clinic.api.pool)
    assert await clinic.api.value("SELECT count(*) FROM webhooks") == 0


async def test_one_clinics_dead_receiver_is_nothing_to_another(
    clinic: Telling, database: Database
) -> None:
    await clinic.add(url="http://127.0.0.1:1024/nobody")
    other = await client(clinic.api, "admin", await open_clinic(database, "admin"))
    await other.post("webhooks", {"url": clinic.receiver.url})
    await clinic.staff.book()
    await other.book()
    await clinic.work()
    assert "appointment.booked" in clinic.receiver.types
    assert {one.json["data"]["organization_id"] for one in clinic.receiver.received} == {
        str(other.clinic.id)
    }


async def test_a_private_address_is_refused_when_it_is_sent_too(
    database: Database,
) -> None:
    """A name that was public when it was given, and isn't any more."""
    async with telling(database, http=open_webhook_client(private_addresses=False)) as clinic:
        webhook = await clinic.add("appointment.booked", url="https://localhost:8443/")
        await clinic.staff.book()
        await clinic.work()
        (message,) = await clinic.messages(webhook)
        assert message["error_code"] == "forbidden_address"
        assert message["error"] == "The URL leads into a private network."


# The routes


async def test_versions_guard_changes(clinic: Telling) -> None:
    webhook = await clinic.add()
    path = f"webhooks/{webhook['id']}"
    changed = await clinic.staff.send(
        "PATCH", path, {"types": ["lead.changed"]}, {"If-Match": '"1"'}
    )
    assert changed.headers["etag"] == '"2"'
    assert changed.json()["types"] == ["lead.changed"]
    stale = refusal(await clinic.staff.send("PATCH", path, {"types": []}, {"If-Match": '"1"'}))
    assert (stale["status"], stale["code"], stale["version"]) == (412, "STALE_VERSION", 2)
    for method, below in (("DELETE", ""), ("POST", "/rotate")):
        answer = await clinic.staff.send(method, path + below, None, {"If-Match": '"1"'})
        assert refusal(answer)["code"] == "STALE_VERSION"


async def test_the_same_key_makes_one_webhook_with_one_secret(clinic: Telling) -> None:
    body = {"url": clinic.receiver.url}
    first = await clinic.staff.post("webhooks", body, idempotency_key="k")
    again = await clinic.staff.send("POST", "webhooks", body, {"Idempotency-Key": "k"})
    assert again.json() == first
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["cache-control"] == "no-store"
    assert len((await clinic.staff.get("webhooks"))["items"]) == 1


async def test_a_secret_is_shown_once_and_stored_encrypted(clinic: Telling) -> None:
    webhook = await clinic.add()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{32}", webhook["secret"])
    assert "secret" not in await clinic.webhook(webhook)
    stored = await clinic.api.value("SELECT encrypted_secret FROM webhooks")
    assert webhook["secret"] not in stored
    assert clinic.api.fernet.decrypt(stored).decode() == webhook["secret"]
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"url": "ftp://clinic.example/"}, "url"),
        ({"url": "https://user:pw@clinic.example/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"url": "https://clinic.example:25/"}, "url"),
        ({"url": ""}, "url"),
        ({}, "url"),
        ({"url": "https://clinic.example/", "types": ["appointment.eaten"]}, "types[0]"),
        ({"url": "https://clinic.example/", "types": ["ping"]}, "types[0]"),
        ({"url": "https://clinic.example/", "secret": "mine"}, "secret"),
    ],
)
async def test_what_is_no_webhook(clinic: Telling, body: Json, where: str) -> None:
    problem = refusal(await clinic.staff.send("POST", "webhooks", body))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
    assert problem["where"] == where


async def test_a_private_address_needs_the_operators_leave(database: Database) -> None:
    async with running_api(database) as api:
        staff = await client(api)
        for url in ("http://clinic.example/", "https://10.0.0.7/", "https://[::1]/"):
            assert await staff.refused("POST", "webhooks", {"url": url}) == (
                422,
                "INVALID_ARGUMENTS",
            )


@pytest.mark.parametrize(
    "body", [{}, {"from": "2027-01-01T00:00:00Z", "from_event": "1-1"}, {"from_event": "1"}]
)
async def test_a_replay_begins_at_one_place(clinic: Telling, body: Json) -> None:
    webhook = await clinic.add()
    path = f"webhooks/{webhook['id']}/replay"
    assert await clinic.staff.refused("POST", path, body) == (422, "INVALID_ARGUMENTS")


async def test_scopes(clinic: Telling) -> None:
    webhook = await clinic.add()
    staff = await client(clinic.api, "staff")
    assert "secret" not in (await staff.get("webhooks"))["items"][0]
    assert len((await staff.get("webhooks"))["items"]) == 1
    assert (await staff.get(f"webhooks/{webhook['id']}/messages"))["items"] == []
    assert await staff.refused("POST", "webhooks", {"url": clinic.receiver.url}) == (
        403,
        "UNAUTHORIZED",
    )
    agent = await client(clinic.api, "agent")
    assert await agent.refused("GET", "webhooks") == (403, "UNAUTHORIZED")


async def test_another_clinics_webhook_is_none(clinic: Telling, database: Database) -> None:
    webhook = await clinic.add()
    other = await client(clinic.api, "admin", await open_clinic(database, "admin"))
    for id_ in (webhook["id"], uuid4()):
        for method, below, body in (
            ("GET", "", None),
            ("GET", "/messages", None),
            ("PATCH", "", {"status": "disabled"}),
            ("DELETE", "", None),
            ("POST", "/rotate", None),
            ("POST", "/test", None),
            ("POST", "/replay", {"from_event": "1-1"}),
        ):
            refused = await other.refused(method, f"webhooks/{id_}{below}", body)
            assert refused == (404, "NOT_FOUND"), (method, below)
    assert (await clinic.webhook(webhook))["version"] == 1


async def test_messages_come_in_pages(clinic: Telling) -> None:
    webhook = await clinic.add("appointment.booked")
    for hours in range(3):
        await clinic.staff.book(THURSDAY + hours * HOUR)
    await clinic.work()
    path = f"webhooks/{webhook['id']}/messages"
    page = await clinic.staff.get(path, limit=2)
    rest = await clinic.staff.get(path, limit=2, cursor=page["next_cursor"])
    assert [len(page["items"]), len(rest["items"])] == [2, 1]
    assert rest["next_cursor"] is None
    assert len({item["id"] for item in page["items"] + rest["items"]}) == 3


def test_every_event_that_sql_writes_has_a_type() -> None:
    written: set[str] = set()
    for path in (ROOT / "voxanne" / "sql" / "functions").rglob("*.sql"):
        for statement in re.findall(r"INSERT INTO events[^;]*;", path.read_text()):
            # The kind follows the organization, in VALUES or SELECT.
            written |= set(re.findall(r"(?:org_id|\.org_id|p_org_id),\s*'([a-z_]+)'", statement))
    assert {"booked", "moved", "cancelled"} <= written
    assert {kind for kind in written if not kind.endswith("_")} <= EVENT_TYPES.keys()
    types = list(EVENT_TYPES.values())
    assert len(types) == len(set(types))


def test_every_type_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "webhooks.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))
    assert documented == set(EVENT_TYPES.values())


async def test_a_worker_that_stops_leaves_the_message_to_the_next(database: Database) -> None:
    """Cut off after the receiver had it: sent once more, under the same id."""
    reached, going = asyncio.Event(), asyncio.Event()

    async def hold(request: Any) -> None:
        reached.set()
        await going.wait()

    http = open_webhook_client(private_addresses=True)
    http.event_hooks["response"].append(hold)
    async with telling(database, http=http) as clinic:
        webhook = await clinic.add("appointment.booked")
        await clinic.staff.book()
        working = asyncio.create_task(clinic.work())
        await reached.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        going.set()
        await clinic.later(minutes=10)
        await clinic.work()
        first, second = clinic.receiver.received
        assert first.id == second.id
        (message,) = await clinic.messages(webhook)
        assert message["status"] == "delivered"


def test_the_client_follows_nothing_and_trusts_no_environment() -> None:
    client_ = open_webhook_client(private_addresses=False)
    assert client_.follow_redirects is False
    assert client_.trust_env is False
    assert client_.timeout == httpx2.Timeout(15.0, connect=5.0)

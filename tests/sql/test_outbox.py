"""The queue of deliveries: who is given what, in which order, for how long, and how it ends."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from tests.sql.diary import DAY, MINUTE, NOW, Diary, at
from tests.sql.outbox import LEASE_SECONDS, Outbox, subjects

LEASE = timedelta(seconds=LEASE_SECONDS)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def outbox(diary: Diary) -> Outbox:
    return Outbox(diary)


# Claims and leases


async def test_a_claim_has_all_that_a_sender_needs(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    claimed = await outbox.claim_one("calendar")
    assert claimed["subject_id"] == booked["appointment_id"]
    assert (claimed["kind"], claimed["version"]) == ("calendar", 1)
    assert (claimed["attempt"], claimed["tries"]) == (1, 1)
    assert (claimed["uncertain"], claimed["stale"]) == (False, False)
    assert claimed["details"]["appointment"]["status"] == "confirmed"


async def test_what_is_claimed_is_nobody_elses(outbox: Outbox) -> None:
    await outbox.queue()
    assert len(await outbox.claim()) == 1
    assert await outbox.claim() == []


async def test_a_lease_that_ran_out_leaves_it_uncertain(outbox: Outbox) -> None:
    await outbox.queue()
    await outbox.claim()
    await outbox.diary.set_clock(NOW + LEASE - SECOND)
    assert await outbox.claim() == []
    await outbox.diary.set_clock(NOW + LEASE)
    again = await outbox.claim_one()
    assert (again["attempt"], again["tries"], again["uncertain"]) == (2, 2, True)


async def test_who_lost_the_lease_settles_nothing(outbox: Outbox) -> None:
    subject = await outbox.queue()
    first = await outbox.claim_one()
    await outbox.diary.set_clock(NOW + LEASE)
    second = await outbox.claim_one()
    assert await outbox.finish(first, "failed") is False
    assert (await outbox.row(subject))["status"] == "sending"
    assert await outbox.finish(second, external_id="SM1") is True
    settled = await outbox.row(subject)
    assert (settled["status"], settled["external_id"]) == ("delivered", "SM1")
    assert await outbox.finish(second, "failed") is False


async def test_what_is_not_due_waits(outbox: Outbox) -> None:
    await outbox.queue(due_at=NOW + MINUTE)
    assert await outbox.claim() == []
    await outbox.diary.set_clock(NOW + MINUTE)
    assert len(await outbox.claim()) == 1


# Order


async def test_a_subjects_deliveries_go_one_after_the_other(outbox: Outbox) -> None:
    """By version, then by age; in one channel, while the others go their own way."""
    subject = await outbox.queue("sms_change", version=2)
    await outbox.queue("sms_confirmation", subject, version=1, uncertain=True)
    await outbox.queue("sms_reminder_24h", subject, version=2, created_at=NOW + SECOND)
    await outbox.queue("email_change", subject, version=2)
    order = []
    for _ in range(3):
        claimed = await outbox.claim_one()
        assert await outbox.claim() == []
        order.append(claimed["kind"])
        await outbox.finish(claimed)
    assert order == ["sms_confirmation", "sms_change", "sms_reminder_24h"]
    assert (await outbox.claim_one("email"))["kind"] == "email_change"


async def test_one_that_waits_for_its_next_try_is_waited_for(outbox: Outbox) -> None:
    subject = await outbox.queue("sms_confirmation")
    await outbox.queue("sms_reminder_24h", subject, created_at=NOW + SECOND)
    await outbox.finish(await outbox.claim_one(), "queued", retry_seconds=60.0)
    assert await outbox.claim() == []
    await outbox.diary.set_clock(NOW + MINUTE)
    assert (await outbox.claim_one())["kind"] == "sms_confirmation"


# Shares and limits


async def test_a_clinic_has_no_more_than_its_limit_at_once(outbox: Outbox) -> None:
    """In a channel, over all workers; another clinic has its own."""
    for _ in range(5):
        await outbox.queue()
    first = await outbox.claim(in_flight_max=3)
    assert len(first) == 3
    assert await outbox.claim(in_flight_max=3) == []
    other = await outbox.diary.database.organization(name="Elsewhere")
    await outbox.queue(org_id=other)
    assert [row["org_id"] for row in await outbox.claim(in_flight_max=3)] == [other]
    await outbox.finish(first[0])
    assert len(await outbox.claim(in_flight_max=3)) == 1


async def test_what_waits_for_its_next_try_is_not_under_way(outbox: Outbox) -> None:
    for _ in range(2):
        await outbox.queue()
    for retry_seconds in (10.0, float("inf")):
        (claimed,) = await outbox.claim(limit=1)
        await outbox.finish(claimed, "queued", retry_seconds=retry_seconds)
    await outbox.queue()
    assert len(await outbox.claim(in_flight_max=1)) == 1


async def test_leases_that_ran_out_are_not_under_way(outbox: Outbox) -> None:
    for _ in range(2):
        await outbox.queue()
    assert len(await outbox.claim(in_flight_max=2)) == 2
    await outbox.diary.set_clock(NOW + LEASE)
    assert len(await outbox.claim(in_flight_max=2)) == 2


async def test_a_clinic_with_much_to_do_leaves_the_others_their_share(outbox: Outbox) -> None:
    for _ in range(20):
        await outbox.queue()
    small = [await outbox.diary.database.organization(name=f"Clinic {n}") for n in range(3)]
    for org_id in small:
        await outbox.queue(org_id=org_id)
    taken = Counter(row["org_id"] for row in await outbox.claim(limit=8))
    assert taken == {outbox.diary.org_id: 2, **dict.fromkeys(small, 1)}
    # What is left of the others' shares is had by asking again.
    assert len(await outbox.claim(limit=3)) == 3


async def test_every_clinic_has_its_turn(outbox: Outbox) -> None:
    """With more of them than are claimed at once."""
    clinics = [await outbox.diary.database.organization(name=f"Clinic {n}") for n in range(7)]
    for org_id in clinics:
        await outbox.queue(org_id=org_id)
    seen = []
    for _ in range(3):
        seen += [row["org_id"] for row in await outbox.claim(limit=3)]
    assert sorted(seen) == sorted(clinics)


# Too late, or overtaken


async def test_what_is_too_late_is_voided(outbox: Outbox) -> None:
    late = await outbox.queue(lapses_at=NOW)
    await outbox.queue(lapses_at=NOW + SECOND)
    (claimed,) = await outbox.claim()
    assert claimed["stale"] is False
    voided = await outbox.row(late)
    assert (voided["status"], voided["attempts"]) == ("voided", 0)
    assert (voided["error_code"], "too late" in voided["error"]) == ("too_late", True)


async def test_what_was_overtaken_is_voided(outbox: Outbox) -> None:
    subject = await outbox.queue("sms_confirmation", version=1)
    await outbox.queue("sms_change", subject, version=2)
    assert await outbox.claim() == []
    assert (await outbox.row(subject))["status"] == "voided"
    assert (await outbox.claim_one())["kind"] == "sms_change"


@pytest.mark.parametrize("lapses_at", [NOW, None])
async def test_what_may_be_out_already_is_only_to_be_looked_up(
    outbox: Outbox, lapses_at: object
) -> None:
    subject = await outbox.queue(uncertain=True, lapses_at=lapses_at)
    if lapses_at is None:
        await outbox.queue("sms_change", subject, version=2)
    claimed = await outbox.claim_one()
    assert (claimed["kind"], claimed["uncertain"], claimed["stale"]) == (
        "sms_confirmation",
        True,
        True,
    )


async def test_a_backlog_of_what_is_too_late_goes_at_once(outbox: Outbox) -> None:
    for _ in range(5):
        await outbox.queue(lapses_at=NOW)
    query = "SELECT claim_organization_deliveries($1, 'sms', 32, 8, 60) ->> 'voided'"
    assert await outbox.api.fetchval(query, outbox.diary.org_id) == "5"


async def test_a_change_voids_what_waits(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    await outbox.diary.move(booked, at("11:00"))
    assert await outbox.diary.deliveries(booked) == {
        ("calendar", 1): "voided",
        ("calendar", 2): "queued",
        ("sms_confirmation", 1): "voided",
        ("sms_change", 2): "queued",
    }


async def test_a_change_leaves_what_may_be_out_to_be_looked_up_at_once(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    first = await outbox.claim_one()
    await outbox.finish(first, "queued", retry_seconds=900.0, uncertain=True)
    await outbox.diary.cancel(booked)
    claimed = await outbox.claim_one()
    assert (claimed["kind"], claimed["uncertain"], claimed["stale"]) == (
        "sms_confirmation",
        True,
        True,
    )
    await outbox.finish(claimed, "sent")
    assert (await outbox.claim_one())["kind"] == "sms_cancellation"


async def test_a_change_waits_for_what_is_under_way(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    first = await outbox.claim_one()
    await outbox.diary.cancel(booked)
    assert await outbox.claim() == []
    # It didn't get there, and isn't to any more.
    await outbox.finish(first, "queued", retry_seconds=5.0)
    assert (await outbox.row(booked["appointment_id"]))["status"] == "voided"
    assert (await outbox.claim_one())["kind"] == "sms_cancellation"


async def test_what_is_uncertain_stays_though_overtaken(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    first = await outbox.claim_one()
    await outbox.diary.cancel(booked)
    await outbox.finish(first, "queued", retry_seconds=0.0, uncertain=True)
    claimed = await outbox.claim_one()
    assert (claimed["kind"], claimed["uncertain"]) == ("sms_confirmation", True)


# How it ends


async def test_another_try_and_none_until_something_is_put_right(outbox: Outbox) -> None:
    subject = await outbox.queue()
    reason = {"error_code": "unreachable", "error": "It could not be reached."}
    await outbox.finish(await outbox.claim_one(), "queued", retry_seconds=30.0, **reason)
    row = await outbox.row(subject)
    assert (row["status"], row["due_at"]) == ("queued", NOW + 30 * SECOND)
    assert (row["error_code"], row["error"]) == tuple(reason.values())
    assert row["uncertain"] is False
    await outbox.diary.set_clock(NOW + 30 * SECOND)
    await outbox.finish(await outbox.claim_one(), "queued", retry_seconds=float("inf"))
    await outbox.diary.set_clock(NOW + 365 * DAY)
    assert await outbox.claim() == []


async def test_a_postponement_is_no_try(outbox: Outbox) -> None:
    subject = await outbox.queue()
    await outbox.finish(await outbox.claim_one(), "postponed", retry_seconds=30.0)
    assert (await outbox.row(subject))["status"] == "queued"
    assert await outbox.claim() == []
    await outbox.diary.set_clock(NOW + 30 * SECOND)
    again = await outbox.claim_one()
    assert (again["attempt"], again["tries"]) == (2, 1)


async def test_a_reason_that_is_too_long_is_cut(outbox: Outbox) -> None:
    """A row that could never be settled would be tried for ever."""
    subject = await outbox.queue()
    long = {"external_id": "x" * 2000, "error_code": "y" * 99, "error": "z" * 999}
    assert await outbox.finish(await outbox.claim_one(), "failed", **long)
    row = await outbox.row(subject)
    assert [len(row[name]) for name in long] == [1100, 50, 500]


@pytest.mark.parametrize("status", ["sent", "delivered", "failed"])
async def test_the_event_log_has_how_it_ended(outbox: Outbox, status: str) -> None:
    booked = await outbox.diary.book(at("10:00"))
    await outbox.finish(await outbox.claim_one(), status, external_id="SM1", error="Refused.")
    (event,) = await outbox.diary.events(f"delivery_{status}")
    assert event["appointment_id"] == UUID(booked["appointment_id"])
    assert event["data"] == '{"kind": "sms_confirmation", "version": 1}'


async def test_staff_are_told_of_one_that_failed(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    await outbox.finish(await outbox.claim_one(), "failed", error="Refused.")
    (alert,) = await outbox.diary.owner.fetch("SELECT * FROM alerts")
    assert (alert["kind"], alert["appointment_id"]) == (
        "delivery_failed",
        UUID(booked["appointment_id"]),
    )
    assert (await outbox.claim_one("alert"))["subject_id"] == str(alert["id"])


async def test_the_alert_of_a_reply_names_its_appointment_and_no_other(outbox: Outbox) -> None:
    booked = await outbox.diary.book(at("10:00"))
    text = await outbox.diary.owner.fetchval(
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, appointment_id) "
        "VALUES ($1, 'in', '+442079460000', '+442079460958', 'C', $2) RETURNING id",
        outbox.diary.org_id,
        UUID(booked["appointment_id"]),
    )
    await outbox.diary.owner.execute("DELETE FROM deliveries")
    for subject in (text, None):
        await outbox.queue("sms_reply", subject)
        await outbox.finish(await outbox.claim_one(), "failed")
    alerts = await outbox.diary.owner.fetch("SELECT appointment_id FROM alerts")
    assert {row["appointment_id"] for row in alerts} == {UUID(booked["appointment_id"]), None}


@pytest.mark.parametrize("kind", ["webhook", "alert"])
async def test_what_tells_of_failures_tells_of_none_of_its_own(outbox: Outbox, kind: str) -> None:
    await outbox.queue(kind)
    await outbox.finish(await outbox.claim_one(kind), "failed")
    assert await outbox.diary.count("alerts") == 0
    assert await outbox.diary.count("events") == 0


async def test_many_failures_make_one_noise_and_are_all_there(outbox: Outbox) -> None:
    for _ in range(5):
        await outbox.queue()
    for claimed in await outbox.claim():
        await outbox.finish(claimed, "failed")
    assert await outbox.diary.count("alerts") == 5
    assert len(await outbox.claim("alert")) == 1
    await outbox.diary.set_clock(NOW + 10 * MINUTE)
    await outbox.queue()
    await outbox.finish(await outbox.claim_one(), "failed")
    assert await outbox.diary.count("alerts") == 6
    assert len(await outbox.claim("alert", in_flight_max=9)) == 2  # the first one's lease is over


# What staff do


async def test_staff_try_again_what_failed(outbox: Outbox) -> None:
    subject = await outbox.queue()
    await outbox.finish(await outbox.claim_one(), "failed", error="Refused.", uncertain=True)
    answer = await outbox.diary.call("retry_delivery", subject_id=subject, kind="sms_confirmation")
    standing = answer["delivery"]
    assert (standing["status"], standing["attempts"], standing["error"]) == (
        "queued",
        1,
        "Refused.",
    )
    again = await outbox.claim_one()
    # As many tries as the first time; and what may have got there is still to be looked up.
    assert (again["attempt"], again["tries"], again["uncertain"]) == (2, 1, True)


async def test_staff_try_now_what_waits(outbox: Outbox) -> None:
    subject = await outbox.queue(due_at=NOW + DAY)
    asked = {"subject_id": subject, "kind": "sms_confirmation"}
    assert (await outbox.diary.call("retry_delivery", **asked))["success"]
    claimed = await outbox.claim_one()
    for status in ("sending", "sent"):
        answer = await outbox.diary.call("retry_delivery", **asked)
        assert answer["delivery"]["status"] == status
        await outbox.finish(claimed, "sent")


async def test_what_has_been_overtaken_is_not_tried_again(outbox: Outbox) -> None:
    subject = await outbox.queue(status="failed")
    await outbox.queue("sms_change", subject, version=2)
    asked = {"subject_id": subject, "kind": "sms_confirmation"}
    assert (await outbox.diary.call("retry_delivery", **asked))["error"] == "STALE_VERSION"
    asked["kind"] = "sms_reminder_2h"
    assert (await outbox.diary.call("retry_delivery", **asked))["error"] == "NOT_FOUND"


async def test_the_list_says_how_each_stands(outbox: Outbox) -> None:
    parked = await outbox.queue(due_at=NOW + MINUTE)
    await outbox.diary.owner.execute("UPDATE deliveries SET due_at = 'infinity'")
    waiting = await outbox.queue("calendar", due_at=NOW + MINUTE, created_at=NOW + SECOND)
    (first, second) = (await outbox.diary.call("list_deliveries"))["items"]
    assert (first["subject_id"], first["parked"]) == (str(waiting), False)
    assert first["next_try_at"].startswith("2027-06-07T07:01:00")
    assert (second["subject_id"], second["parked"], second["next_try_at"]) == (
        str(parked),
        True,
        None,
    )
    for wish in ({"channel": "calendar"}, {"status": "queued", "limit": 1}):
        (only,) = (await outbox.diary.call("list_deliveries", **wish))["items"]
        assert only == first
    assert (await outbox.diary.call("list_deliveries", status="failed"))["items"] == []


# What goes wrong inside


async def test_one_whose_details_cant_be_made_harms_no_other(outbox: Outbox) -> None:
    crooked, fine = [await outbox.queue() for _ in range(2)]
    await outbox.diary.owner.execute(
        "CREATE OR REPLACE FUNCTION text_details(p_delivery deliveries) RETURNS jsonb "
        "LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        f"RETURN CASE p_delivery.subject_id WHEN '{crooked}' "
        "THEN jsonb 'null' -> 1 / (p_delivery.version - 1) "
        "ELSE jsonb '{\"fine\": true}' END; END $$"
    )
    claimed = {UUID(row["subject_id"]): row["details"] for row in await outbox.claim()}
    assert claimed == {crooked: {"broken": "22012"}, fine: {"fine": True}}


async def test_the_age_of_what_is_due(outbox: Outbox) -> None:
    query = "SELECT delivery_queue_ages()"
    assert await outbox.api.fetchval(query) == "{}"
    await outbox.queue(due_at=NOW - MINUTE)
    await outbox.queue(due_at=NOW - 2 * MINUTE)
    await outbox.queue("calendar", due_at=NOW + MINUTE)
    assert await outbox.api.fetchval(query) == '{ "sms" : 120.000000 }'
    assert subjects(await outbox.claim())
    assert await outbox.api.fetchval(query) == "{}"

"""Call records: one row per call, whatever comes in whatever order; whom it was with; its check."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.sql.diary import ANN, BOB, NOW, TOM, Caller, Diary, at

MINUTE = timedelta(minutes=1)
BEGAN = NOW - timedelta(minutes=5)
TRANSCRIPT = "AI: You're booked for Tuesday at ten."
CALL = "call-1"


@pytest.fixture
async def clinic(diary: Diary) -> Diary:
    await diary.set_clock(NOW)
    return diary


async def report(
    diary: Diary,
    kind: str = "end-of-call-report",
    *,
    call_id: str = CALL,
    sent_at: datetime | None = NOW,
    caller: str | None = ANN.phone,
    **fields: Any,
) -> bool:
    known = {"caller": caller, "started_at": BEGAN.isoformat(), **fields}
    kept: bool = await diary.api.fetchval(
        "SELECT record_voice_message($1, $2, $3, $4, $5, $6)",
        diary.org_id,
        call_id,
        kind,
        json.dumps({"status": fields.get("status")}),
        sent_at,
        json.dumps({name: value for name, value in known.items() if value is not None}),
    )
    return kept


async def calls(diary: Diary) -> list[dict[str, Any]]:
    rows = await diary.owner.fetch("SELECT * FROM calls ORDER BY call_id")
    return [dict(row) for row in rows]


async def call(diary: Diary) -> dict[str, Any]:
    (row,) = await calls(diary)
    return row


async def events(diary: Diary) -> list[str]:
    rows = await diary.owner.fetch(
        "SELECT kind FROM events WHERE kind LIKE 'call_%' ORDER BY transaction_id, id"
    )
    return [row["kind"] for row in rows]


async def book(diary: Diary, who: Caller = ANN, call_id: str | None = CALL, hour: int = 10) -> UUID:
    booked = await diary.database.book(
        diary.owner,
        diary.org_id,
        patient_name=who.name,
        patient_phone=who.phone,
        scheduled_at=at(f"{hour:02}:00"),
        call_id=call_id,
    )
    assert booked["success"], booked
    return UUID(booked["contact_id"])


async def taken(diary: Diary) -> list[Any]:
    answer = await diary.database.call(diary.api, "calls_to_check", diary.org_id)
    found: list[Any] = answer["calls"]
    return found


async def finish(diary: Diary, promise: str = "mismatch", reported_at: datetime = NOW) -> bool:
    written: bool = await diary.api.fetchval(
        "SELECT finish_promise_check($1, $2, $3, $4, $5)",
        diary.org_id,
        CALL,
        reported_at,
        promise,
        json.dumps([{"rule": "said_booked_not_found", "said": "x", "ledger": None}]),
    )
    return written


async def test_a_call_is_one_row_from_ringing_to_its_report(clinic: Diary) -> None:
    await report(clinic, "status-update", status="ringing", sent_at=BEGAN)
    assert (await call(clinic))["status"] == "ringing"
    await report(clinic, "assistant.started", sent_at=BEGAN + MINUTE)
    await report(clinic, "status-update", status="in-progress", sent_at=BEGAN + MINUTE)
    await report(clinic, "status-update", status="ended", end_reason="voicemail")
    await report(clinic, transcript=TRANSCRIPT, cost_usd=0.12, tools=[{"tool": "t"}], source="web")
    row = await call(clinic)
    assert (row["status"], row["end_reason"], row["source"]) == ("ended", "voicemail", "inbound")
    assert (row["started_at"], row["ended_at"]) == (BEGAN, NOW)
    assert (row["transcript"], float(row["cost_usd"])) == (TRANSCRIPT, 0.12)
    assert json.loads(row["tools"]) == [{"tool": "t"}]
    assert (row["promise"], row["promise_due_at"]) == ("unchecked", NOW + timedelta(seconds=30))
    assert await events(clinic) == ["call_ended", "call_reported"]


async def test_a_late_status_never_takes_the_end_back(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT, ended_at=NOW.isoformat())
    for sent_at in (BEGAN, NOW + MINUTE, None):
        await report(clinic, "status-update", status="in-progress", sent_at=sent_at)
    await report(clinic, "speech-update", status="started", sent_at=NOW + MINUTE)
    row = await call(clinic)
    assert (row["status"], row["ended_at"], row["transcript"]) == ("ended", NOW, TRANSCRIPT)


async def test_an_older_status_never_takes_a_newer_one_back(clinic: Diary) -> None:
    await report(clinic, "status-update", status="in-progress", sent_at=NOW)
    await report(clinic, "status-update", status="ringing", sent_at=BEGAN)
    assert (await call(clinic))["status"] == "in-progress"


async def test_a_report_that_comes_twice_changes_nothing(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT)
    before = await call(clinic)
    await clinic.set_clock(NOW + MINUTE)
    assert await report(clinic, transcript=TRANSCRIPT) is False
    assert await call(clinic) == before | {"updated_at": NOW + MINUTE}
    assert await events(clinic) == ["call_ended", "call_reported"]


async def test_a_later_report_with_nulls_takes_nothing_away(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT, summary="Booked.", language="en", urgency="high")
    await clinic.set_clock(NOW + 10 * MINUTE)
    assert (await taken(clinic))[0]["call_id"] == CALL
    assert await finish(clinic, "kept")
    await report(clinic, sent_at=NOW + MINUTE, caller=None)
    row = await call(clinic)
    assert (row["transcript"], row["summary"], row["language"]) == (TRANSCRIPT, "Booked.", "en")
    assert (row["caller_phone"], row["urgency"], row["promise"]) == (ANN.phone, "high", "kept")


async def test_what_was_said_anew_is_checked_anew(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT)
    await clinic.set_clock(NOW + MINUTE)
    await taken(clinic)
    assert await finish(clinic, "kept")
    await report(clinic, transcript="AI: Another.", sent_at=NOW + MINUTE)
    row = await call(clinic)
    assert (row["promise"], row["reported_at"]) == ("unchecked", NOW + MINUTE)


async def test_what_was_erased_doesnt_come_back(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT)
    await clinic.owner.execute(
        "UPDATE calls SET caller_phone = NULL, transcript = NULL, stripped_at = $1", NOW
    )
    await clinic.owner.execute("DELETE FROM voice_messages")
    await report(clinic, transcript=TRANSCRIPT, sent_at=NOW + MINUTE)
    row = await call(clinic)
    assert (row["transcript"], row["caller_phone"]) == (None, None)


async def test_a_report_without_anything(clinic: Diary) -> None:
    await report(clinic, caller=None, started_at=None)
    row = await call(clinic)
    assert (row["started_at"], row["ended_at"], row["transcript"]) == (NOW, NOW, None)


async def test_times_beyond_reason_are_not_believed(clinic: Diary) -> None:
    far = "2099-12-31T00:00:00+00:00"
    await report(clinic, "status-update", status="ringing", started_at=far)
    await report(clinic, started_at=far, ended_at=far)
    row = await call(clinic)
    assert (row["started_at"], row["ended_at"]) == (NOW, NOW)


async def test_an_end_before_the_beginning_is_the_beginning(clinic: Diary) -> None:
    await report(clinic, ended_at=(BEGAN - MINUTE).isoformat())
    row = await call(clinic)
    assert row["ended_at"] == row["started_at"] == BEGAN


async def test_a_message_of_before_a_release_makes_no_row(clinic: Diary) -> None:
    """The previous release's API calls it without a report."""
    query = "SELECT record_voice_message($1, 'c', 'hang', '{}', NULL)"
    assert await clinic.api.fetchval(query, clinic.org_id) is True
    assert await calls(clinic) == []


async def test_whom_it_was_with(clinic: Diary) -> None:
    await report(clinic)
    assert (await call(clinic))["lead_id"] is None
    ann = await book(clinic, ANN, call_id=None)
    await report(clinic, sent_at=NOW + MINUTE)
    assert (await call(clinic))["lead_id"] == ann


async def test_of_a_household_the_one_who_was_booked(clinic: Diary) -> None:
    await book(clinic, ANN, call_id=None, hour=9)
    await report(clinic)
    tom = await book(clinic, TOM, call_id="another")
    await report(clinic, call_id="third", sent_at=NOW)
    await report(clinic, call_id="another")
    linked = {row["call_id"]: row["lead_id"] for row in await calls(clinic)}
    assert linked["another"] == tom
    assert linked["third"] is None  # nobody knows which of them it was


async def test_a_web_call_is_of_whom_was_booked_in_it(clinic: Diary) -> None:
    bob = await book(clinic, BOB)
    await report(clinic, caller=None, source="web")
    row = await call(clinic)
    assert (row["lead_id"], row["source"]) == (bob, "web")


async def test_a_call_in_which_something_was_cancelled(clinic: Diary) -> None:
    await book(clinic, ANN, call_id=None)
    await book(clinic, TOM, call_id=None, hour=11)
    (row,) = await clinic.owner.fetch(
        "SELECT appointments.id, contact_id FROM appointments JOIN leads ON leads.id = contact_id "
        "WHERE name = 'Tom Taylor'"
    )
    await clinic.database.call(
        clinic.owner, "cancel_appointment", clinic.org_id, appointment_id=row["id"], call_id=CALL
    )
    await report(clinic)
    assert (await call(clinic))["lead_id"] == row["contact_id"]


async def test_a_booking_after_the_report_is_found_by_the_check(clinic: Diary) -> None:
    await report(clinic, caller=None)
    bob = await book(clinic, BOB)
    assert (await call(clinic))["lead_id"] is None
    await clinic.set_clock(NOW + MINUTE)
    (found,) = await taken(clinic)
    assert [entry["booked"] for entry in found["ledger"]["appointments"]] == [True]
    assert (await call(clinic))["lead_id"] == bob


async def test_a_call_is_linked_when_its_caller_appears(clinic: Diary) -> None:
    await report(clinic)
    await clinic.api.execute("SELECT set_config('request.jwt.claims', '', false)")
    query = "SELECT organizations_with_calls_to_link(100)"
    assert await clinic.api.fetchval(query) == "[]"
    ann = await book(clinic, ANN, call_id="later")
    assert json.loads(await clinic.api.fetchval(query)) == [str(clinic.org_id)]
    assert await clinic.api.fetchval("SELECT link_calls($1)", clinic.org_id) == 1
    assert (await call(clinic))["lead_id"] == ann
    assert await clinic.api.fetchval(query) == "[]"


@pytest.mark.parametrize("held", ["calls", "leads"])
async def test_who_is_being_erased_is_left_for_the_next_round(clinic: Diary, held: str) -> None:
    await report(clinic)
    ann = await book(clinic, ANN, call_id="later")
    other = await clinic.database.connect_owner()
    await clinic.api.execute("SET lock_timeout = '2s'")
    async with other.transaction():
        await other.execute(f"SELECT FROM {held} FOR UPDATE")
        assert await clinic.number("link_calls") == 0
    assert await clinic.number("link_calls") == 1
    assert (await call(clinic))["lead_id"] == ann


async def test_a_check_is_due_after_half_a_minute_and_one_worker_has_it(clinic: Diary) -> None:
    await report(clinic, transcript=TRANSCRIPT, structured={"booked": True})
    due = "SELECT organizations_with_calls_to_check(100)"
    await clinic.set_clock(NOW + timedelta(seconds=29))
    assert (await taken(clinic), await clinic.api.fetchval(due)) == ([], "[]")
    await clinic.set_clock(NOW + timedelta(seconds=30))
    assert json.loads(await clinic.api.fetchval(due)) == [str(clinic.org_id)]
    (found,) = await taken(clinic)
    assert (found["transcript"], found["structured"]) == (TRANSCRIPT, {"booked": True})
    assert found["ledger"] == {"appointments": [], "messages": 0, "waitlist": 0}
    assert await taken(clinic) == []
    await clinic.set_clock(NOW + timedelta(seconds=151))  # whoever had it is gone
    assert len(await taken(clinic)) == 1


async def test_a_call_that_another_worker_is_taking_is_left_to_it(clinic: Diary) -> None:
    await report(clinic)
    await clinic.set_clock(NOW + MINUTE)
    other = await clinic.database.connect_owner()
    await clinic.api.execute("SET lock_timeout = '2s'")
    async with other.transaction():
        await other.execute("SELECT FROM calls FOR UPDATE")
        assert await taken(clinic) == []
    assert len(await taken(clinic)) == 1


async def test_a_mismatch_alerts_once(clinic: Diary) -> None:
    await report(clinic)
    await clinic.set_clock(NOW + MINUTE)
    await taken(clinic)
    assert await finish(clinic) is True
    assert await finish(clinic) is False
    row = await call(clinic)
    assert (row["promise"], row["promise_due_at"]) == ("mismatch", None)
    assert row["promise_checked_at"] == NOW + MINUTE
    alerts = await clinic.owner.fetch("SELECT kind, call_id FROM alerts")
    assert [tuple(alert) for alert in alerts] == [("promise_mismatch", CALL)]


async def test_what_was_found_of_an_older_report_is_not_written(clinic: Diary) -> None:
    await report(clinic)
    await clinic.set_clock(NOW + MINUTE)
    await taken(clinic)
    await report(clinic, transcript=TRANSCRIPT, sent_at=NOW + MINUTE)
    assert await finish(clinic, reported_at=NOW) is False
    assert (await call(clinic))["promise"] == "unchecked"
    assert await clinic.owner.fetchval("SELECT count(*) FROM alerts") == 0


async def test_the_ledger_is_that_of_the_calls_end(clinic: Diary) -> None:
    """What staff change afterwards makes no promise true or false."""
    await book(clinic, ANN, hour=10)
    await book(clinic, ANN, call_id=None, hour=12)
    await report(clinic)
    ids = await clinic.owner.fetch("SELECT id FROM appointments ORDER BY scheduled_at")
    await clinic.set_clock(NOW + 10 * MINUTE)
    for function, change in (
        ("reschedule_appointment", {"scheduled_at": at("15:00")}),
        ("cancel_appointment", {}),
    ):
        changed = ids[0 if change else 1]["id"]
        answer = await clinic.database.call(
            clinic.owner, function, clinic.org_id, appointment_id=changed, source="staff", **change
        )
        assert answer["success"], answer
    (found,) = await taken(clinic)
    entries = found["ledger"]["appointments"]
    assert [datetime.fromisoformat(entry["scheduled_at"]) for entry in entries] == [
        at("12:00"),
        at("10:00"),
    ]
    assert [(entry["standing"], entry["cancelled"]) for entry in entries] == [(True, False)] * 2
    assert [entry["moved_from"] for entry in entries] == [None, None]


async def test_the_ledger_of_a_call_that_moved_and_left_a_message(clinic: Diary) -> None:
    await book(clinic, ANN, call_id=None)
    booked = await clinic.owner.fetchval("SELECT id FROM appointments")
    answer = await clinic.database.call(
        clinic.owner,
        "reschedule_appointment",
        clinic.org_id,
        appointment_id=booked,
        scheduled_at=at("15:00"),
        caller_phone=ANN.phone,
        call_id=CALL,
    )
    assert answer["success"], answer
    await clinic.database.call(
        clinic.owner, "take_message", clinic.org_id, body="Call me", call_id=CALL
    )
    await report(clinic)
    await clinic.set_clock(NOW + MINUTE)
    (found,) = await taken(clinic)
    (entry,) = found["ledger"]["appointments"]
    assert datetime.fromisoformat(entry["moved_from"]) == at("10:00")
    assert datetime.fromisoformat(entry["scheduled_at"]) == at("15:00")
    assert (found["ledger"]["messages"], entry["standing"]) == (1, True)


async def listed(diary: Diary, **filters: Any) -> list[str]:
    answer = await diary.database.call(diary.api, "list_calls", diary.org_id, **filters)
    return [item["call_id"] for item in answer["items"]]


async def test_the_list_and_its_filters(clinic: Diary) -> None:
    for number, who in enumerate((ANN, BOB, ANN)):
        began = (BEGAN + number * MINUTE).isoformat()
        await report(clinic, call_id=f"c{number}", caller=who.phone, started_at=began)
    await book(clinic, BOB, call_id="c1")
    assert await listed(clinic) == ["c2", "c1", "c0"]
    assert await listed(clinic, outcome="booked") == ["c1"]
    assert await listed(clinic, outcome="none") == ["c2", "c0"]
    assert await listed(clinic, number=BOB.phone) == ["c1"]
    assert await listed(clinic, number="0111") == ["c1"]
    assert await listed(clinic, number="nobody") == []
    assert await listed(clinic, promise="mismatch") == []
    assert await listed(clinic, **{"from": BEGAN + MINUTE}) == ["c2", "c1"]
    assert await listed(clinic, before_at=BEGAN + MINUTE, before_id="c1") == ["c0"]
    assert await listed(clinic, limit=1) == ["c2"]


async def test_what_came_of_very_many_calls_is_looked_up_page_by_page(clinic: Diary) -> None:
    await book(clinic, ANN, call_id="c0")
    await clinic.owner.execute(
        "INSERT INTO calls (org_id, call_id, started_at) "
        "SELECT $1, 'c' || n, $2::timestamptz + n * interval '1 second' "
        "FROM generate_series(0, 2000) AS n",
        clinic.org_id,
        BEGAN - 60 * MINUTE,
    )
    page = await clinic.call("list_calls", outcome="booked")
    assert (page["items"], page["before_id"]) == ([], "c1")
    before = {"before_at": datetime.fromisoformat(page["before_at"]), "before_id": "c1"}
    page = await clinic.call("list_calls", outcome="booked", **before)
    assert [item["call_id"] for item in page["items"]] == ["c0"]
    assert (page["before_at"], page["before_id"]) == (None, None)
    page = await clinic.call("list_calls", outcome="none", limit=3)
    assert [item["call_id"] for item in page["items"]] == ["c2000", "c1999", "c1998"]
    assert page["before_id"] == "c1998"
    assert (await clinic.call("list_calls", limit=200))["before_id"] == "c1801"

"""A person is erased: what goes, what stays, and what nobody gets to hear of it."""

import json
from uuid import UUID, uuid4

import pytest

from tests.database import Booking
from tests.sql.diary import ANN, BOB, MINUTE, NOW, TOM, Caller, Diary, at, code
from tests.sql.people import Person, dump, known_person, where

# Text that a person's data can't reach, and why. A new column joins it, or the marker's scene.
NOT_THEIRS = {
    # Written by the clinic, about itself.
    "absences": {"reason"},
    "breaks": {"label"},
    "date_exceptions": {"reason", "source"},
    "message_templates": {"kind", "language", "body"},
    "organizations": None,
    "practitioners": {"name"},
    "rooms": {"name"},
    "services": {"key", "name", "currency"},
    "practitioner_services": {"service_key"},
    "room_services": {"service_key"},
    # Secrets, addresses and states of what is connected.
    "calendar_connections": None,
    "calendar_events": {"event_id", "etag"},
    "busy_times": {"event_id"},
    "credentials": {"kind", "scope", "name"},
    "hmac_keys": {"scheme"},
    "oauth_states": {"calendar"},
    "sms_accounts": {"vendor", "account_sid", "number"},
    "voice_lines": {"kind", "value"},
    "webhooks": {"url", "kinds", "encrypted_secret", "encrypted_old_secret", "status"},
    "schema_functions": None,
    "schema_migrations": None,
    # Ids, kinds, states and our own sentences.
    "alerts": {"kind", "call_id"},
    "audit_log": {"actor", "action", "subject_kind", "subject_id"},
    "deliveries": {"kind", "status", "channel", "external_id", "error_code", "error"},
    "erasures": {"actor", "counts", "outside"},
    "events": {"kind", "call_id", "data"},
    "staff_accounts": None,
    "sessions": {"device"},
    "memberships": {"role"},
    "appointments": {"service_type", "status", "source", "call_id"},
    "calls": {
        "call_id", "our_number", "source", "language", "status", "end_reason", "sentiment",
        "urgency", "tools", "promise",
    },
    "voice_messages": {"call_id", "type"},
    "leads": {"status"},
    "lead_changes": {"kind"},
    "lead_scores": {"tier"},
    "messages": {"urgency", "status", "call_id"},
    "notes": {"author"},
    "texts": {"direction", "our_number", "external_id", "kind", "answer", "choices", "status"},
    "consents": {"kind", "source"},
    "waitlist": {"service_type", "status", "call_id"},
    "idempotency_keys": {"request_hash", "result"},
    "appointment_links": {"token"},
}  # fmt: skip
HASHES = {("appointments", "request_hash")}  # made of their details, so not their words


async def erase(diary: Diary, person: Person, **more: object) -> Booking:
    given = {"cancel_appointments": True, "actor": "owner@clinic.example", **more}
    return await diary.call("erase_person", lead_id=person.lead_id, **given)


async def test_the_scene_has_the_marker_in_every_text_column_it_can_reach(diary: Diary) -> None:
    """So that a new table, or a new column, can't be forgotten."""
    person = await known_person(diary)
    columns = await diary.owner.fetch(
        "SELECT table_name, column_name FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' "
        "AND data_type IN ('text', 'jsonb', 'json', 'character varying', 'ARRAY')"
    )
    marks = [person.marker.lower(), person.number, person.contact]
    missing = []
    for table, column in columns:
        known = NOT_THEIRS.get(table, set())
        if known is None or column in known or (table, column) in HASHES:
            continue
        found = await diary.owner.fetchval(
            f"SELECT count(*) FROM {table} WHERE EXISTS (SELECT FROM unnest($1::text[]) AS mark "
            f"WHERE strpos(lower({column}::text), mark) > 0)",
            marks,
        )
        if not found:
            missing.append(f"{table}.{column}")
    unlisted = {"lead_changes.appointments", "organizations.score_weights"}
    assert set(missing) - unlisted == set()


async def test_nothing_that_names_them_is_left(diary: Diary) -> None:
    person = await known_person(diary)
    marks = (person.marker, "77760111", "77760222", "1980-05-31")
    assert {"leads", "appointments", "texts", "calls", "consents"} <= await where(diary, *marks)

    answer = await erase(diary, person)

    assert answer["success"], answer
    assert await where(diary, *marks) == set()
    counts = answer["counts"]
    assert counts == {
        "appointments": 2, "cancelled": 1, "calls": 1, "consents": 2,
        "deliveries": counts["deliveries"],
        "messages": 1, "notes": 1, "people": 2, "texts": 3, "waitlist": 1,
    }  # fmt: skip
    assert json.loads(await diary.owner.fetchval("SELECT counts FROM erasures")) == counts
    (event,) = await diary.events("person_erased")
    assert json.loads(event["data"]) == {"erasure_id": answer["erasure_id"]}


async def test_the_second_time_there_is_nobody(diary: Diary) -> None:
    person = await known_person(diary)
    assert (await erase(diary, person))["success"]
    assert code(await erase(diary, person)) == "NOT_FOUND"
    assert code(await diary.call("erase_person", lead_id=uuid4(), actor="x")) == "NOT_FOUND"
    assert await diary.count("erasures") == 1


async def test_what_is_upcoming_is_asked_about(diary: Diary) -> None:
    person = await known_person(diary)
    before = await dump(diary)

    refused = await erase(diary, person, cancel_appointments=False)

    assert code(refused) == "NEEDS_CONFIRMATION"
    assert (refused["needs"], refused["upcoming"]) == ("cancel_appointments", 1)
    assert await dump(diary) == before


async def test_the_time_is_free_again_and_the_figures_stay(diary: Diary) -> None:
    person = await known_person(diary)
    await erase(diary, person)

    rows = await diary.owner.fetch("SELECT * FROM appointments ORDER BY scheduled_at")
    assert [row["status"] for row in rows] == ["confirmed", "cancelled"]
    assert rows[0]["service_type"] == "consultation"
    for row in rows:
        assert (row["contact_id"], row["idempotency_key"], row["request_hash"]) == (None,) * 3
        assert json.loads(row["metadata"]) == {"erased": True}
    call = await diary.owner.fetchrow("SELECT * FROM calls")
    assert call is not None
    assert (call["lead_id"], call["transcript"], call["promise_due_at"]) == (None, None, None)
    assert call["stripped_at"] == NOW
    assert (await diary.book(at("11:00"), BOB))["success"]


async def test_nothing_goes_out_to_them(diary: Diary) -> None:
    person = await known_person(diary)
    await erase(diary, person)
    rows = await diary.owner.fetch(
        "SELECT kind, status FROM deliveries WHERE channel IN ('sms', 'email')"
    )
    assert rows
    assert {row["status"] for row in rows} == {"voided"}
    await diary.set_clock(at("08:30"))
    assert await diary.number("queue_reminders") == 0


async def test_a_text_that_is_about_to_go_out_doesnt(diary: Diary) -> None:
    person = await known_person(diary)
    claimed = json.loads(await diary.api.fetchval("SELECT claim_deliveries('sms', 9, 9, 60)"))
    (first, *_) = claimed[0]["deliveries"]
    await erase(diary, person)
    saved = await diary.api.fetchval(
        "SELECT save_text($1, $2, $3, $4, $5, '+1', '+2', 'Dear Zuzanna')",
        diary.org_id, UUID(first["subject_id"]), first["kind"], first["version"], first["attempt"],
    )  # fmt: skip
    assert saved is None
    assert await where(diary, "Zuzanna") == set()


async def test_who_wanted_no_texts_gets_none_when_they_come_back(diary: Diary) -> None:
    person = await known_person(diary)
    other = await known_person(diary, "Mirko", "666", hour=13)
    assert await wants_none(diary, person.number)
    await diary.owner.execute(
        "INSERT INTO consents (org_id, phone, kind, source) VALUES ($1, $2, 'opt_in', 'staff')",
        diary.org_id,
        other.number,
    )
    await erase(diary, person)
    await erase(diary, other)

    assert await where(diary, person.number, other.number) == set()
    assert await wants_none(diary, person.number)
    assert not await wants_none(diary, other.number)
    assert not await wants_none(diary, BOB.phone)
    said = await diary.call("find_consent", phone=person.number)
    assert said["kind"] == "opt_out"
    # They change their mind, and are erased once more.
    await diary.call("save_consent", phone=person.number, kind="opt_in", source="staff")
    assert not await wants_none(diary, person.number)


async def test_a_hash_is_of_its_clinic_alone(diary: Diary) -> None:
    person = await known_person(diary)
    await erase(diary, person)
    elsewhere = await diary.database.organization(name="Elsewhere")
    await diary.owner.execute(
        "INSERT INTO suppression_keys VALUES ($1, sha256('other'))", elsewhere
    )
    hashes = {
        await diary.owner.fetchval("SELECT erased_phone($1, $2)", org, person.number)
        for org in (diary.org_id, elsewhere)
    }
    assert len(hashes) == 2
    assert await diary.owner.fetchval("SELECT phone FROM consents") in hashes


async def wants_none(diary: Diary, number: str) -> bool:
    said: bool = await diary.owner.fetchval("SELECT wants_no_texts($1, $2)", diary.org_id, number)
    return said


async def test_others_on_the_number_stay_whole(diary: Diary) -> None:
    person = await known_person(diary)
    child = Caller("Bruno Holt", person.number)
    booked = await diary.book(at("15:00"), child, call_id="call-child")
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, transcript) "
        "VALUES ($1, 'call-child', $2, $3, now(), 'Bruno speaks')",
        diary.org_id,
        UUID(booked["contact_id"]),
        person.number,
    )
    await diary.call("take_message", body="Bruno here", name=child.name, caller_phone=person.number)
    # Of a shared number, a report without a record of its call can be anybody's.
    await diary.owner.execute("DELETE FROM voice_messages WHERE call_id = 'older-777'")
    await diary.owner.execute("UPDATE consents SET word = 'STOP'")
    before = await dump(diary)

    answer = await erase(diary, person)

    after = await dump(diary)
    assert answer["counts"]["people"] == 2
    assert person.marker.lower() not in "".join(after.values()).lower().replace(
        "it's zuzanna holt", ""
    )
    for table in ("leads", "appointments", "messages", "calls"):
        assert after[table].count("Bruno") == before[table].count("Bruno") > 0
    assert await wants_none(diary, person.number)  # the number's own word, still in the open
    # A text that came in from a number of several belongs to the number.
    assert answer["counts"]["texts"] == 2


async def test_what_a_household_was_answered_about_them_goes(diary: Diary) -> None:
    person = await known_person(diary)
    await diary.book(at("15:00"), Caller("Bruno Holt", person.number))
    await diary.owner.execute(
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, appointment_id, "
        "kind, version) VALUES ($1, 'in', '+1', $2, 'X for Zuzanna', NULL, NULL, NULL), "
        "($1, 'out', '+1', $2, 'Zuzanna: done', $3, 'sms_reply', 1)",
        diary.org_id,
        person.number,
        UUID(person.past["appointment_id"]),
    )
    await erase(diary, person)
    left = await diary.owner.fetch("SELECT body FROM texts")
    assert [row["body"] for row in left] == ["It's Zuzanna Holt"]


async def test_somebody_elses_number_doesnt_go_with_them(diary: Diary) -> None:
    """They gave a friend's number to be reached at."""
    await diary.book(at("15:00"), Caller("Fred Friend", "+442077760222"))
    person = await known_person(diary)
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, caller_phone, started_at, summary) "
        "VALUES ($1, 'freds', $2, now(), 'Fred asks for the hours')",
        diary.org_id,
        person.contact,
    )
    await erase(diary, person)
    assert {"leads", "calls", "appointments"} <= await where(diary, "Fred", person.contact)


async def test_a_number_two_are_reached_at_goes_with_neither(diary: Diary) -> None:
    """A nursing home's: it's nobody's own, and what was said from it is whoever's it was with."""
    person = await known_person(diary)
    other = await diary.book(at("15:00"), BOB, contact_phone=person.contact)
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, transcript) "
        "VALUES ($1, 'with-bob', $2, $3, now(), 'About Bob'), "
        "($1, 'unknown', NULL, $3, now(), 'About the hours')",
        diary.org_id,
        UUID(other["contact_id"]),
        person.contact,
    )
    assert (await erase(diary, person))["success"]
    kept = await diary.owner.fetch("SELECT transcript, caller_phone FROM calls ORDER BY call_id")
    assert [tuple(row) for row in kept] == [
        (None, None),
        ("About the hours", person.contact),
        ("About Bob", person.contact),
    ]


@pytest.mark.parametrize("status", ["cancelled", "expired"])
async def test_a_call_with_somebody_else_from_their_number_stays(diary: Diary, status: str) -> None:
    """The other's appointment is off, so the number is theirs alone, but the call isn't."""
    person = await known_person(diary)
    other = await diary.book(at("15:00"), BOB, contact_phone=person.contact)
    await diary.owner.execute(
        "UPDATE appointments SET status = $2 WHERE id = $1",
        UUID(other["appointment_id"]),
        status,
    )
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, transcript) "
        "VALUES ($1, 'with-bob', $2, $3, now(), 'About Bob')",
        diary.org_id,
        UUID(other["contact_id"]),
        person.contact,
    )
    assert (await erase(diary, person))["success"]
    assert await diary.owner.fetchval("SELECT transcript FROM calls WHERE call_id = 'with-bob'")


async def test_their_wish_isnt_offered_the_time_they_give_up(diary: Diary) -> None:
    """But whoever waits behind them is."""
    person = await known_person(diary)
    await diary.join(Caller("Zuzanna Holt", person.number), date_to=at("11:00").date())
    assert (await diary.join(BOB, date_to=at("11:00").date()))["success"]
    await erase(diary, person)
    offered = await diary.owner.fetch(
        "SELECT phone FROM waitlist JOIN leads ON leads.id = contact_id "
        "WHERE waitlist.status = 'offered'"
    )
    assert [row["phone"] for row in offered] == [BOB.phone]


async def test_an_offer_in_hand_goes_to_the_next(diary: Diary) -> None:
    booked = await diary.book(at("14:00"), Caller("Gina Gone", "+442079460333"))
    person = await known_person(diary, upcoming=False)
    day = at("14:00").date()
    assert (await diary.join(Caller("Zuzanna Holt", person.number), date_to=day))["success"]
    await diary.set_clock(NOW + MINUTE)
    assert (await diary.join(BOB, date_to=day))["success"]
    assert (await diary.cancel(booked))["success"]
    holds = "SELECT count(*) FROM appointments WHERE status = 'held' AND contact_id = $1"
    assert await diary.owner.fetchval(holds, person.lead_id) == 1

    assert (await erase(diary, person))["success"]

    offered = await diary.owner.fetch(
        "SELECT phone FROM waitlist JOIN leads ON leads.id = contact_id "
        "WHERE waitlist.status = 'offered'"
    )
    assert [row["phone"] for row in offered] == [BOB.phone]
    assert await where(diary, person.marker) == set()


async def test_a_merged_lead_takes_the_whole_person(diary: Diary) -> None:
    person = await known_person(diary)
    merged = await diary.owner.fetchval("SELECT id FROM leads WHERE merged_into IS NOT NULL")
    answer = await diary.call("erase_person", lead_id=merged, actor="x", cancel_appointments=True)
    assert UUID(answer["lead_id"]) == person.lead_id
    assert await diary.count("leads") == 0


async def connect(diary: Diary) -> UUID:
    connection: UUID = await diary.owner.fetchval(
        "INSERT INTO calendar_connections (org_id, vendor, calendar, credentials) "
        "VALUES ($1, 'google', 'c', 'x') RETURNING id",
        diary.org_id,
    )
    return connection


async def in_calendar(diary: Diary, connection: UUID, person: Person) -> None:
    """Their past appointment's event was verified there."""
    await diary.owner.execute(
        "INSERT INTO calendar_events (org_id, appointment_id, connection_id, event_id, version, "
        "starts_at, ends_at) SELECT org_id, id, $2, 'e', 1, scheduled_at, ends_at "
        "FROM appointments WHERE id = $1",
        UUID(person.past["appointment_id"]),
        connection,
    )
    await diary.owner.execute(
        "UPDATE deliveries SET status = 'delivered' WHERE kind = 'calendar' AND subject_id = $1",
        UUID(person.past["appointment_id"]),
    )


async def test_entries_in_calendars_are_taken_out_also_past_ones(diary: Diary) -> None:
    person = await known_person(diary)
    await in_calendar(diary, await connect(diary), person)

    answer = await erase(diary, person)

    assert answer["outside"]["calendars"] == {"queued": 1, "unreachable": 0}
    claimed = json.loads(await diary.api.fetchval("SELECT claim_deliveries('calendar', 9, 9, 60)"))
    details = {
        each["subject_id"]: each["details"]
        for batch in claimed
        for each in batch["deliveries"]
        if each["version"] > 1
    }
    assert details[person.past["appointment_id"]]["erased"] is True
    assert details[person.past["appointment_id"]]["appointment"]["patient"] is None
    assert person.marker not in json.dumps(claimed)


async def test_a_calendar_that_cant_be_reached_is_told_of(diary: Diary) -> None:
    person = await known_person(diary)
    connection = await connect(diary)
    await in_calendar(diary, connection, person)
    assert (await diary.call("disconnect_calendar", connection_id=connection))["success"]

    answer = await erase(diary, person)

    assert answer["outside"]["calendars"] == {"queued": 0, "unreachable": 1}
    assert answer["outside"]["voice_platform"] == {"count": 2, "ids": ["call-777", "older-777"]}
    assert answer["outside"]["sms_vendor"]["count"] == 3


async def test_a_report_that_comes_late_brings_nothing_back(diary: Diary) -> None:
    person = await known_person(diary)
    await erase(diary, person)
    kept = await diary.api.fetchval(
        "SELECT record_voice_message($1, 'call-777', 'end-of-call-report', $2, now(), $3)",
        diary.org_id,
        json.dumps({"transcript": person.marker}),
        json.dumps({"transcript": person.marker, "caller": person.number}),
    )
    assert kept is False
    assert await where(diary, person.marker, person.number) == set()


async def test_a_report_of_a_call_that_still_goes_on_is_not_kept(diary: Diary) -> None:
    """They booked, asked to be forgotten, and hang up."""
    booked = await diary.book(at("09:00"), BOB, call_id="call-now", source="voice")
    erased = await diary.call(
        "erase_person", lead_id=UUID(booked["contact_id"]), actor="x", cancel_appointments=True
    )
    assert erased["outside"]["voice_platform"]["ids"] == ["call-now"]
    await diary.api.fetchval(
        "SELECT record_voice_message($1, 'call-now', 'end-of-call-report', $2, now(), $2)",
        diary.org_id,
        json.dumps({"transcript": BOB.name, "caller": BOB.phone}),
    )
    assert await where(diary, BOB.name, BOB.phone) == set()


async def test_a_call_in_which_they_only_joined_the_waitlist_is_theirs(diary: Diary) -> None:
    """On a shared number, where nothing else tells whose it was."""
    await diary.book(at("09:00"), ANN)
    joined = await diary.join(TOM, call_id="call-wish")
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, caller_phone, started_at, transcript) "
        "VALUES ($1, 'call-wish', $2, now(), 'Tom wants a morning')",
        diary.org_id,
        TOM.phone,
    )
    lead = await diary.owner.fetchval("SELECT contact_id FROM waitlist")
    assert joined["success"]
    await diary.call("erase_person", lead_id=lead, actor="x")
    assert await where(diary, TOM.name, "Tom wants") == set()
    assert "leads" in await where(diary, ANN.phone)


@pytest.mark.parametrize("actor", [None, "", "x" * 255])
async def test_somebody_must_want_it(diary: Diary, actor: str | None) -> None:
    person = await known_person(diary)
    assert code(await erase(diary, person, actor=actor)) == "INVALID_ARGUMENTS"


async def test_a_booking_that_lost_its_lead_is_found(diary: Diary) -> None:
    person = await known_person(diary, upcoming=False)
    await diary.owner.execute(
        "UPDATE appointments SET contact_id = NULL WHERE id = $1",
        UUID(person.past["appointment_id"]),
    )
    await erase(diary, person)
    assert await where(diary, person.marker) == set()


async def test_the_receipts(diary: Diary) -> None:
    first, second = await known_person(diary), await known_person(diary, "Mirko", "666", hour=13)
    answers = [await erase(diary, first), await erase(diary, second)]
    listed = await diary.call("list_erasures", limit=1)
    assert len(listed["items"]) == 1
    rest = await diary.call(
        "list_erasures",
        after_at=NOW,
        after_id=UUID(listed["items"][0]["id"]),
    )
    ids = {listed["items"][0]["id"], *(item["id"] for item in rest["items"])}
    assert ids == {answer["erasure_id"] for answer in answers}
    one = await diary.call("list_erasures", erasure_id=UUID(answers[0]["erasure_id"]))
    assert one["items"][0]["outside"] == answers[0]["outside"]
    assert code(await diary.call("list_erasures", erasure_id=uuid4())) == "NOT_FOUND"

"""What callers are told of themselves, what they leave behind, where they are put through."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import HOUR, Booking
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    MONDAY,
    NOW,
    TOM,
    TUESDAY,
    Caller,
    Diary,
    at,
    code,
)

BARE = {"success", "error", "message", "created_at"}


async def lookup(diary: Diary, phone: str | None = ANN.phone, **more: object) -> Booking:
    return await diary.call("lookup_caller", phone=phone, **more)


async def person(diary: Diary, name: str = ANN.name) -> Booking:
    found: list[Booking] = (await lookup(diary))["people"]
    [one] = [one for one in found if one["name"] == name]
    return one


# Who is calling


async def test_who_has_never_called_is_not_found(diary: Diary) -> None:
    assert await lookup(diary) == {"success": True, "found": False, "people": []}


async def test_a_caller_is_told_what_is_to_come(diary: Diary) -> None:
    grey = await diary.practitioner("Dr Grey")
    later = await diary.book(at("12:00"))
    booking = await diary.book(at("10:00"))
    await diary.move(booking, at("09:00"))

    answer = await lookup(diary, phone="0044 20 7946 0958")

    [known] = answer["people"]
    assert answer["found"] is True
    assert known.keys() == {
        *("lead_id", "name", "visits", "no_shows", "usual_practitioner_id", "usual_practitioner"),
        *("last_visit", "language", "texts"),
        *("upcoming", "offers"),
    }
    assert (known["lead_id"], known["name"]) == (booking["contact_id"], ANN.name)
    first, second = known["upcoming"]
    assert first == {
        "appointment_id": booking["appointment_id"],
        "scheduled_at": first["scheduled_at"],
        "ends_at": first["ends_at"],
        "service_type": "consultation",
        "practitioner_id": str(grey),
        "practitioner_name": "Dr Grey",
        "version": 2,
    }
    assert datetime.fromisoformat(first["scheduled_at"]) == at("09:00")
    assert datetime.fromisoformat(first["ends_at"]) == at("10:00")
    assert (second["appointment_id"], second["version"]) == (later["appointment_id"], 1)


async def test_nothing_of_other_numbers_and_other_clinics(diary: Diary) -> None:
    await diary.book(at("10:00"), contact_phone=BOB.phone)
    await diary.book(at("12:00"), TOM)
    await diary.book(at("14:00"), BOB)

    assert [one["name"] for one in (await lookup(diary))["people"]] == [ANN.name, TOM.name]
    [bob] = (await lookup(diary, phone=BOB.phone))["people"]
    assert (bob["name"], len(bob["upcoming"])) == (BOB.name, 1)
    assert (await lookup(diary, phone=EVE.phone))["found"] is False
    diary.org_id = await diary.database.organization()
    assert (await lookup(diary))["found"] is False


async def test_only_what_is_live_and_to_come(diary: Diary) -> None:
    await diary.cancel(await diary.book(at("10:00")))
    await diary.hold(at("11:00"), caller_phone=ANN.phone)
    await diary.book(at("12:00"))
    assert len((await person(diary))["upcoming"]) == 1

    await diary.set_clock(at("12:00"))
    assert (await person(diary))["upcoming"] == []


async def test_twenty_to_come_are_told_and_ten_people(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=100)
    for n in range(22):
        await diary.book(at("10:00") + n * HOUR)
    upcoming = (await person(diary))["upcoming"]
    assert len(upcoming) == 20
    assert datetime.fromisoformat(upcoming[0]["scheduled_at"]) == at("10:00")

    for n, letter in enumerate("ABCDEFGHIJK"):
        await diary.set_clock(NOW + ord(letter) * MINUTE)
        await diary.book(at("10:00") + (50 + n) * HOUR, Caller(f"Child {letter}", ANN.phone))
    people = [one["name"] for one in (await lookup(diary))["people"]]
    assert people == [f"Child {letter}" for letter in "BCDEFGHIJK"]  # the latest heard of


async def test_visits_and_missed_ones_are_counted(diary: Diary) -> None:
    bookings = [await diary.book(at(f"{hour:02}:00")) for hour in (9, 10, 11, 12)]
    await diary.set_clock(at("13:00"))
    await diary.mark(bookings[0], "no_show")
    await diary.mark(bookings[1], "completed")
    await diary.cancel(bookings[2], source="staff")
    await diary.book(at("18:00"))

    known = await person(diary)

    assert (known["visits"], known["no_shows"]) == (2, 1)  # unmarked and past is a visit


async def test_the_usual_practitioner_is_the_one_seen_most_and_latest(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    for hour, who in [(9, grey), (10, grey), (11, shaw), (12, shaw)]:
        await diary.book(at(f"{hour:02}:00"), practitioner_id=who)
    for hour in (14, 15):
        await diary.book(at(f"{hour}:00"), practitioner_id=grey)
    assert (await person(diary))["usual_practitioner"] is None  # nobody has been seen

    await diary.set_clock(at("13:00"))
    known = await person(diary)
    assert (known["usual_practitioner"], known["usual_practitioner_id"]) == ("Dr Shaw", str(shaw))
    await diary.owner.execute("UPDATE practitioners SET active = false WHERE id = $1", shaw)
    assert (await person(diary))["usual_practitioner"] == "Dr Grey"
    await diary.owner.execute("UPDATE appointments SET status = 'no_show'")
    assert (await person(diary))["usual_practitioner"] is None


async def test_who_was_seen_by_the_clinic_itself_has_no_usual_practitioner(diary: Diary) -> None:
    await diary.book(at("09:00"))
    await diary.book(at("18:00"))
    await diary.set_clock(at("12:00"))

    known = await person(diary)

    assert (known["usual_practitioner"], known["visits"]) == (None, 1)
    assert known["upcoming"][0]["practitioner_name"] is None


async def test_without_a_number_there_is_no_look_up(diary: Diary) -> None:
    await diary.book(at("10:00"))

    for phone in (None, "", "withheld", "12"):
        assert code(await lookup(diary, phone=phone, name=ANN.name)) == "INVALID_PHONE"


async def test_the_clinic_may_ask_for_the_name_first(diary: Diary) -> None:
    await diary.set(caller_check="name")
    await diary.book(at("10:00"))
    await diary.book(at("12:00"), TOM)

    for name in (None, " "):
        asked = await lookup(diary, name=name)
        assert (code(asked), asked["needs"]) == ("NEEDS_CONFIRMATION", "name")
        assert asked.keys() == {*BARE, "needs"}
    assert (await lookup(diary, phone=EVE.phone))["needs"] == "name"  # known or not
    [known] = (await lookup(diary, name="ann TAYLOR"))["people"]
    assert known["name"] == ANN.name
    for name in ("Ann", "Taylor", "%", "12"):
        assert (await lookup(diary, name=name))["found"] is False


async def test_the_clinic_may_ask_for_the_date_of_birth_too(diary: Diary) -> None:
    await diary.set(caller_check="name_and_birth_date")
    await diary.book(at("10:00"), birth_date=date(1980, 2, 29))
    await diary.book(at("12:00"), TOM)

    assert (await lookup(diary))["needs"] == "name"
    asked = await lookup(diary, name=ANN.name)
    assert (code(asked), asked["needs"]) == ("NEEDS_CONFIRMATION", "birth_date")
    assert (await lookup(diary, name=ANN.name, birth_date=date(1980, 2, 28)))["found"] is False
    assert (await lookup(diary, name=ANN.name, birth_date=date(1980, 2, 29)))["found"] is True
    # Whose date isn't known isn't told anything.
    assert (await lookup(diary, name=TOM.name, birth_date=date(1980, 2, 29)))["found"] is False


async def test_a_name_chooses_among_the_numbers_people(diary: Diary) -> None:
    await diary.book(at("10:00"))
    await diary.book(at("12:00"), TOM)

    people = (await lookup(diary, name="tom taylor"))["people"]

    assert [one["name"] for one in people] == [TOM.name]


async def test_an_unknown_clinic_knows_nobody(diary: Diary) -> None:
    diary.org_id = UUID(int=9)

    assert code(await lookup(diary)) == "INVALID_ORGANIZATION"


# Messages


async def message(diary: Diary, **given: object) -> Booking:
    return await diary.call("take_message", **{"body": "Please call me back", **given})


async def test_a_message_is_kept_and_the_event_tells_nothing_of_it(diary: Diary) -> None:
    answer = await message(
        diary,
        body="  It hurts\nbadly ",
        name="ann taylor",
        caller_phone="0044 20 7946 0958",
        callback_phone="+44 20 7946 0111",
        call_id="call-1",
    )

    assert answer.keys() == {"success", "message_id", "replayed", "message", "created_at"}
    row = await diary.owner.fetchrow("SELECT * FROM messages")
    assert row is not None
    assert (str(row["id"]), row["body"]) == (answer["message_id"], "It hurts\nbadly")
    assert (row["name"], row["caller_phone"]) == (ANN.name, ANN.phone)
    assert (row["callback_phone"], row["call_id"]) == (BOB.phone, "call-1")
    assert (row["urgency"], row["status"], row["created_at"]) == ("normal", "new", NOW)
    [event] = await diary.events("message_taken")
    assert event["call_id"] == "call-1"
    assert json.loads(event["data"]) == {"message_id": answer["message_id"], "urgency": "normal"}
    assert await diary.count("alerts") == 0


async def test_a_number_that_is_withheld_does_no_harm(diary: Diary) -> None:
    assert code(await message(diary, caller_phone="withheld", name=" ", callback_phone="")) is None
    row = await diary.owner.fetchrow("SELECT caller_phone, name, callback_phone FROM messages")
    assert tuple(row or ()) == (None, None, None)


NONSENSE: list[tuple[dict[str, object], str]] = [
    ({"body": None}, "INVALID_ARGUMENTS"),
    ({"body": " "}, "INVALID_ARGUMENTS"),
    ({"body": "x" * 2001}, "INVALID_ARGUMENTS"),
    ({"urgency": "dire"}, "INVALID_ARGUMENTS"),
    ({"urgency": None}, "INVALID_ARGUMENTS"),
    ({"source": None}, "INVALID_ARGUMENTS"),
    ({"call_id": "x" * 1001}, "INVALID_ARGUMENTS"),
    ({"name": "12345"}, "INVALID_NAME"),
    ({"callback_phone": "my mother's"}, "INVALID_PHONE"),
]


async def test_a_message_that_makes_no_sense_is_refused(diary: Diary) -> None:
    for given, expected in NONSENSE:
        assert code(await message(diary, **given)) == expected, given
    assert [await diary.count(table) for table in ("messages", "events")] == [0, 0]


async def test_a_message_by_key(diary: Diary) -> None:
    key = {"idempotency_key": "k", "request_hash": "h"}
    first = await message(diary, urgency="high", **key)

    assert await message(diary, urgency="high", **key) == {**first, "replayed": True}
    assert code(await message(diary, **{**key, "request_hash": "x"})) == "IDEMPOTENCY_MISMATCH"
    assert [await diary.count(table) for table in ("messages", "alerts")] == [1, 1]
    diary.org_id = UUID(int=9)
    assert code(await message(diary)) == "INVALID_ORGANIZATION"


@pytest.mark.parametrize(
    ("urgency", "kind"),
    [("low", None), ("high", "high_message"), ("emergency", "emergency_message")],
)
async def test_a_pressing_message_alerts_the_staff(
    diary: Diary, urgency: str, kind: str | None
) -> None:
    answer = await message(diary, urgency=urgency, call_id="call-1")

    alerts = await diary.owner.fetch("SELECT * FROM alerts")
    assert [alert["kind"] for alert in alerts] == ([kind] if kind else [])
    for alert in alerts:
        assert (str(alert["message_id"]), alert["call_id"]) == (answer["message_id"], "call-1")


async def test_no_pressing_message_is_without_an_alert(diary: Diary) -> None:
    answer = await message(diary, urgency="emergency", call_id="x" * 201)

    assert (code(answer) is None) == bool(await diary.count("alerts"))


# Alerts


async def alert(diary: Diary, kind: str | None = "red_flag", **more: object) -> Booking:
    return await diary.call("raise_alert", kind=kind, **more)


async def test_one_alert_per_call_and_kind(diary: Diary) -> None:
    first = await alert(diary, call_id="call-1")

    assert first.keys() == {"success", "alert_id", "replayed"}
    assert await alert(diary, call_id="call-1") == {**first, "replayed": True}
    for kind, call_id in [("other", "call-1"), ("red_flag", "call-2"), ("red_flag", None)]:
        assert (await alert(diary, kind, call_id=call_id))["replayed"] is False
    assert await diary.count("alerts") == 4
    [event, *_] = await diary.events("alert_raised")
    assert json.loads(event["data"]) == {"alert_id": first["alert_id"], "kind": "red_flag"}


async def test_two_emergencies_of_unknown_calls_are_two(diary: Diary) -> None:
    first, second = [await alert(diary, "emergency", call_id=None) for _ in range(2)]

    assert first["alert_id"] != second["alert_id"]
    assert (await alert(diary, call_id=None))["replayed"] is False


async def test_what_was_seen_may_be_raised_again(diary: Diary) -> None:
    await alert(diary, call_id="call-1")
    await diary.owner.execute("UPDATE alerts SET seen_at = created_at")

    assert (await alert(diary, call_id="call-1"))["replayed"] is False


async def test_an_alert_of_no_kind_is_refused(diary: Diary) -> None:
    for kind in (None, "", "x" * 51):
        assert code(await alert(diary, kind)) == "INVALID_ARGUMENTS"
    assert code(await alert(diary, call_id="x" * 201)) == "INVALID_ARGUMENTS"
    assert await diary.count("alerts") == 0


async def test_ten_thousand_unseen_and_no_more(diary: Diary) -> None:
    await diary.owner.execute(
        "INSERT INTO alerts (org_id, kind) SELECT $1, 'x' FROM generate_series(1, 10000)",
        diary.org_id,
    )

    assert code(await alert(diary)) == "LIMIT_REACHED"
    assert code(await message(diary, urgency="high")) is None  # kept all the same
    await diary.owner.execute("UPDATE alerts SET seen_at = created_at")
    assert code(await alert(diary)) is None
    diary.org_id = UUID(int=9)
    assert code(await alert(diary)) == "INVALID_ORGANIZATION"


# Put through


async def desk(diary: Diary) -> tuple[bool, datetime | None]:
    """Is anybody there, and when next?"""
    answer = await diary.call("transfer_destination")
    assert answer.keys() == {"success", "open", "transfer_number", "opens_at"}
    opens = answer["opens_at"]
    return answer["open"], datetime.fromisoformat(opens) if opens else None


async def test_the_desk_keeps_the_clinics_hours(diary: Diary) -> None:
    await diary.set(transfer_number="+442079460000")
    await diary.hours("09:00-12:00", "13:00-17:00")

    for now, there, opens in [
        (at("08:59"), False, at("09:00")),
        (at("09:00"), True, None),
        (at("12:00"), False, at("13:00")),
        (at("16:59"), True, None),
        (at("17:00"), False, at("09:00", TUESDAY + 7 * DAY)),
    ]:
        await diary.set_clock(now)
        assert await desk(diary) == (there, opens), now
    assert (await diary.call("transfer_destination"))["transfer_number"] == "+442079460000"


async def test_a_desk_without_hours_is_always_there(diary: Diary) -> None:
    assert await desk(diary) == (True, None)
    await diary.pause("07:00-09:00", weekday=1)
    assert await desk(diary) == (True, None)
    assert (await diary.call("transfer_destination"))["transfer_number"] is None
    diary.org_id = UUID(int=9)
    assert code(await diary.call("transfer_destination")) == "INVALID_ORGANIZATION"


async def test_the_desk_is_there_while_anybody_receives(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("07:00-10:00", weekday=1, practitioner_id=grey)
    await diary.hours("12:00-14:00", weekday=1, practitioner_id=shaw)
    await diary.hours("15:00-16:00", weekday=1)
    assert await desk(diary) == (True, None)

    await diary.away(grey, NOW - HOUR, NOW + 8 * HOUR)
    assert await desk(diary) == (False, at("12:00", MONDAY))
    await diary.owner.execute("UPDATE practitioners SET active = false WHERE id = $1", shaw)
    assert await desk(diary) == (False, at("15:00", MONDAY))


async def test_where_only_practitioners_keep_hours_the_desk_keeps_theirs(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.hours("09:00-17:00", weekday=1, practitioner_id=grey)
    await diary.hours("09:00-17:00", practitioner_id=shaw)

    assert await desk(diary) == (False, at("09:00", MONDAY))


async def test_exceptions_move_the_next_opening(diary: Diary) -> None:
    await diary.hours("09:00-17:00")
    await diary.special(None)
    assert await desk(diary) == (False, at("09:00", TUESDAY + 7 * DAY))

    await diary.special("11:00-12:00", TUESDAY + DAY)
    assert await desk(diary) == (False, at("11:00", TUESDAY + DAY))
    await diary.owner.execute("DELETE FROM date_exceptions")
    await diary.owner.execute("DELETE FROM opening_hours")
    await diary.special(None, MONDAY)  # nothing but an exception
    assert await desk(diary) == (False, at("00:00"))


async def test_a_clinic_that_does_not_open_within_a_fortnight_tells_no_time(diary: Diary) -> None:
    await diary.special(None, MONDAY)
    for n in range(20):
        await diary.special(None, MONDAY + n * DAY)

    assert await desk(diary) == (False, None)


async def test_the_next_opening_is_wall_time_after_the_clocks_change(diary: Diary) -> None:
    await diary.hours("09:00-17:00", weekday=1)
    await diary.set_clock(at("17:00", date(2027, 10, 30)))

    assert await desk(diary) == (False, datetime(2027, 11, 1, 9, tzinfo=UTC))


# The platform's messages


async def heard(diary: Diary, type_: str, **payload: object) -> bool:
    kept: bool = await diary.api.fetchval(
        "SELECT record_voice_message($1, $2, $3, $4, current_moment())",
        diary.org_id,
        "call-1",
        type_,
        json.dumps(payload),
    )
    return kept


async def held(diary: Diary) -> list[tuple[str, timedelta]]:
    rows: list[asyncpg.Record] = await diary.owner.fetch(
        "SELECT call_id, hold_expires_at FROM appointments WHERE status = 'held' ORDER BY call_id"
    )
    return [(row["call_id"], row["hold_expires_at"] - NOW) for row in rows]


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("transcript", {}),
        ("status-update", {"status": "in-progress"}),
        ("status-update", {}),
        ("speech-update", {"status": "ended"}),
    ],
)
async def test_whatever_is_heard_of_a_call_extends_its_holds(
    diary: Diary, type_: str, payload: dict[str, object]
) -> None:
    await diary.hold(at("10:00"))
    await diary.hold(at("12:00"), "call-2")
    await diary.set_clock(NOW + MINUTE)

    assert await heard(diary, type_, **payload) is True

    assert await held(diary) == [("call-1", 6 * MINUTE), ("call-2", 5 * MINUTE)]


@pytest.mark.parametrize(
    ("type_", "payload"), [("end-of-call-report", {}), ("status-update", {"status": "ended"})]
)
async def test_the_end_of_a_call_releases_its_holds(
    diary: Diary, type_: str, payload: dict[str, object]
) -> None:
    await diary.hold(at("10:00"))
    await diary.hold(at("12:00"), "call-2")
    await heard(diary, type_, **payload)

    assert await held(diary) == [("call-2", 5 * MINUTE)]
    assert len(await diary.events("released")) == 1


async def test_a_message_that_comes_again_still_means_the_call_lives(diary: Diary) -> None:
    await heard(diary, "transcript")
    await diary.hold(at("10:00"))
    await diary.set_clock(NOW - MINUTE)
    assert await heard(diary, "transcript") is False  # older than the one that's kept

    await diary.set_clock(NOW + MINUTE)
    await heard(diary, "transcript")
    assert await held(diary) == [("call-1", 6 * MINUTE)]

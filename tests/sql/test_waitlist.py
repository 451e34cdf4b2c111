"""Callers who wait for a time, and who is offered what becomes free."""

from datetime import date, time
from uuid import UUID

import pytest

from tests.database import Database
from tests.sql.diary import (
    ANN,
    BOB,
    DAY,
    EVE,
    MINUTE,
    NOW,
    STAFF,
    TOM,
    TUESDAY,
    Caller,
    Diary,
    at,
    code,
    open_clinic,
)
from tests.sql.waiting import (
    OFFER,
    SOMEBODY,
    free_up,
    line_up,
    offer_of,
    offered_start,
    open_mornings,
    state,
    states,
)


@pytest.fixture
async def diary(database: Database) -> Diary:
    return await open_mornings(database)


# Joining


async def test_the_answer_and_the_row(diary: Diary) -> None:
    grey = await diary.practitioner()
    await diary.service("scan", 30, name="A Scan")

    entry = await diary.join(
        service_type="a scan",
        practitioner_id=grey,
        date_from=TUESDAY,
        date_to=TUESDAY + DAY,
        time_from=time(9),
        time_until=time(12),
        call_id="call-1",
        phone_verified=True,
    )

    assert (entry["position"], entry["status"], entry["version"]) == (1, "waiting", 1)
    assert (entry["service_type"], entry["replayed"]) == ("scan", False)
    assert (entry["date_from"], entry["date_to"]) == ("2027-06-08", "2027-06-09")
    row = await diary.owner.fetchrow("SELECT * FROM waitlist")
    assert row is not None
    assert (row["practitioner_id"], row["time_from"], row["time_until"]) == (
        grey,
        time(9),
        time(12),
    )
    assert (row["call_id"], row["created_at"]) == ("call-1", NOW)
    lead = await diary.owner.fetchrow("SELECT * FROM leads WHERE id = $1", row["contact_id"])
    assert lead is not None
    assert (lead["name"], lead["phone"], lead["phone_verified"]) == (ANN.name, ANN.phone, True)
    [event] = await diary.events("waitlist_joined")
    assert (event["lead_id"], event["call_id"]) == (row["contact_id"], "call-1")
    assert not [word for word in ("Ann", "7946") if word in event["data"]]


async def test_four_weeks_from_today_in_the_clinics_zone(database: Database) -> None:
    diary = await open_clinic(database, timezone="Pacific/Auckland")
    await diary.set_clock(at("23:00"))  # Wednesday, there

    entry = await diary.join(date_from=TUESDAY - 5 * DAY)

    assert (entry["date_from"], entry["date_to"]) == ("2027-06-09", "2027-07-07")


async def test_the_position_counts_who_waits_for_the_same_service(diary: Diary) -> None:
    await diary.service("scan", 30)
    await diary.service("talk", 30)
    first = await diary.join(ANN, service_type="scan")
    await diary.join(EVE, service_type="talk")
    await diary.set_clock(NOW + MINUTE)

    assert (await diary.join(BOB, service_type="scan"))["position"] == 2
    await diary.answer_offer("leave_waitlist", first)
    assert (await diary.join(BOB, service_type="scan"))["position"] == 1


async def test_the_same_wish_is_one_entry(diary: Diary) -> None:
    grey = await diary.practitioner()
    first = await diary.join()

    assert await diary.join() == {**first, "replayed": True}
    others: list[tuple[Caller, dict[str, object]]] = [
        (TOM, {}),
        (ANN, {"practitioner_id": grey}),
        (ANN, {"time_from": time(10)}),
        (ANN, {"date_to": TUESDAY}),
    ]
    for who, more in others:
        assert (await diary.join(who, **more))["replayed"] is False
    assert await diary.count("waitlist") == 5


async def test_a_wish_for_the_clinic_itself(diary: Diary) -> None:
    """As check_availability names the practitioner of a clinic that has none."""
    assert code(await diary.join(practitioner_id=diary.org_id)) is None


async def test_five_wishes_a_number_and_no_more(diary: Diary) -> None:
    entries = [
        await diary.join(who, date_to=TUESDAY + n * DAY) for n in (1, 2, 3) for who in (ANN, TOM)
    ]

    assert [code(entry) for entry in entries] == [None] * 5 + ["LIMIT_REACHED"]
    assert code(await diary.join(BOB)) is None
    assert (await diary.join(ANN, date_to=TUESDAY + DAY))["replayed"] is True
    await diary.answer_offer("leave_waitlist", entries[0])
    assert code(await diary.join(TOM, date_to=TUESDAY + 3 * DAY)) is None


async def test_wishes_whose_days_are_over_are_not_counted(diary: Diary) -> None:
    for n in range(5):
        await diary.join(date_to=TUESDAY + n * DAY)
    await diary.set_clock(NOW + 10 * DAY)

    entry = await diary.join()

    assert (code(entry), entry.get("position")) == (None, 1)


async def test_ten_thousand_in_a_clinic_and_no_more(diary: Diary) -> None:
    entry = await diary.join()
    await diary.owner.execute(
        "INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to) "
        "SELECT org_id, contact_id, 'x', date_from, date_to "
        "FROM waitlist, generate_series(2, 10000)"
    )

    assert code(await diary.join(BOB)) == "LIMIT_REACHED"
    await diary.answer_offer("leave_waitlist", entry)
    assert code(await diary.join(BOB)) is None


NONSENSE: list[tuple[dict[str, object], str]] = [
    ({"name": " "}, "INVALID_NAME"),
    ({"phone": "withheld"}, "INVALID_PHONE"),
    ({"phone": None}, "INVALID_PHONE"),
    ({"service_type": "massage"}, "UNKNOWN_SERVICE"),
    ({"service_type": None}, "UNKNOWN_SERVICE"),
    ({"practitioner_id": UUID(int=9)}, "UNKNOWN_PRACTITIONER"),
    ({"date_to": TUESDAY - 2 * DAY}, "INVALID_DATE"),
    ({"date_from": TUESDAY, "date_to": TUESDAY - DAY}, "INVALID_DATE"),
    ({"date_to": TUESDAY + 366 * DAY}, "INVALID_DATE"),
    ({"date_to": date.max}, "INVALID_DATE"),
    ({"time_from": time(12), "time_until": time(12)}, "INVALID_DATE"),
    ({"time_until": None}, "INVALID_DATE"),
    ({"source": None}, "INVALID_ARGUMENTS"),
    ({"call_id": "x" * 1001}, "INVALID_ARGUMENTS"),
]


async def test_a_wish_that_makes_no_sense_is_refused(diary: Diary) -> None:
    await diary.service("consultation", 60)

    for given, expected in NONSENSE:
        wish = {"name": ANN.name, "phone": ANN.phone, "service_type": "consultation", **given}
        assert code(await diary.call("join_waitlist", **wish)) == expected, given
    assert [await diary.count(t) for t in ("waitlist", "leads", "events")] == [0, 0, 0]


async def test_a_wish_by_key(diary: Diary) -> None:
    key = {"idempotency_key": "k", "request_hash": "h"}
    first = await diary.join(**key)
    await diary.answer_offer("leave_waitlist", first)

    assert await diary.join(**key) == {**first, "replayed": True}
    other = await diary.join(idempotency_key="k", request_hash="other")
    assert code(other) == "IDEMPOTENCY_MISMATCH"
    kept = str(await diary.owner.fetch("TABLE idempotency_keys"))
    assert not [word for word in ("Ann", "7946") if word in kept]
    diary.org_id = UUID(int=9)
    assert code(await diary.join()) == "INVALID_ORGANIZATION"


# An offer


async def test_a_freed_time_is_held_for_the_first_in_line_and_they_are_told(diary: Diary) -> None:
    first, second = await line_up(diary, ANN, BOB)

    await free_up(diary)

    assert await states(diary, first, second) == ["offered", "waiting"]
    offer = await offer_of(diary, first)
    row = await diary.row(offer)
    assert (row["status"], row["scheduled_at"], row["ends_at"]) == (
        "held",
        at("10:00"),
        at("11:00"),
    )
    assert (row["hold_expires_at"], row["source"], row["call_id"]) == (
        NOW + OFFER,
        "waitlist",
        None,
    )
    lead = await diary.owner.fetchval("SELECT phone FROM leads WHERE id = $1", row["contact_id"])
    assert lead == ANN.phone
    assert await diary.deliveries(offer) == {("sms_waitlist_offer", 1): "queued"}
    [event] = await diary.events("waitlist_offered")
    assert (event["appointment_id"], event["lead_id"]) == (row["id"], row["contact_id"])
    for who in (BOB, EVE):
        assert code(await diary.book(at("10:00"), who)) == "SLOT_UNAVAILABLE"


async def test_the_clinic_says_how_long_an_offer_stands(diary: Diary) -> None:
    await diary.set(offer_minutes=5)
    entry = await diary.join()
    await free_up(diary)

    row = await diary.row(await offer_of(diary, entry))
    assert row["hold_expires_at"] == NOW + 5 * MINUTE


async def test_an_offer_ends_when_its_time_comes(diary: Diary) -> None:
    entry = await diary.join()
    booking = await diary.book(at("10:00"), SOMEBODY)
    await diary.set_clock(at("09:50"))
    await diary.cancel(booking)

    assert (await diary.row(await offer_of(diary, entry)))["hold_expires_at"] == at("10:00")


async def test_an_offer_can_be_accepted_as_long_as_it_stands(diary: Diary) -> None:
    await diary.set(notice_minutes=60)
    entry = await diary.join()
    booking = await diary.book(at("10:00"), SOMEBODY)
    await diary.set_clock(at("08:55"))
    await diary.cancel(booking)
    await diary.set_clock(at("09:05"))
    assert (await diary.row(await offer_of(diary, entry)))["hold_expires_at"] > at("09:05")

    assert code(await diary.answer_offer("accept_offer", entry)) is None


WEDNESDAY = TUESDAY + DAY
WISHES: list[tuple[dict[str, object], bool]] = [
    ({}, True),
    ({"date_from": TUESDAY, "date_to": TUESDAY}, True),
    ({"date_from": WEDNESDAY}, False),
    ({"date_to": TUESDAY - DAY}, False),
    ({"time_from": time(10)}, True),
    ({"time_from": time(10, 1)}, False),
    ({"time_until": time(10, 1)}, True),
    ({"time_until": time(10)}, False),
    ({"practitioner_id": UUID(int=1)}, True),
    ({"practitioner_id": UUID(int=2)}, False),
    ({"service_type": "talk"}, True),
    ({"service_type": "scan"}, False),  # Dr Shaw's
    ({"service_type": "day"}, False),  # longer than what's free
    ({"service_type": "shed"}, False),  # whose room is taken
]


@pytest.mark.parametrize(("wish", "matches"), WISHES, ids=lambda value: str(value)[:60])
async def test_only_what_was_wished_for_is_offered(
    diary: Diary, wish: dict[str, object], matches: bool
) -> None:
    """At 10:00 Dr Grey is free for an hour."""
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    for key, minutes in [
        ("consultation", 60),
        ("talk", 30),
        ("scan", 30),
        ("day", 61),
        ("shed", 30),
    ]:
        await diary.service(key, minutes)
    await diary.gives(shaw, "scan")
    shed = await diary.room("shed")
    await diary.database.appointment(
        diary.org_id, shaw, room_id=shed, scheduled_at=at("09:00"), ends_at=at("11:00")
    )
    entry = await diary.join(**wish)

    await free_up(diary, practitioner_id=grey)

    assert await state(diary, entry) == ("offered" if matches else "waiting")
    if matches:
        assert (await diary.row(await offer_of(diary, entry)))["practitioner_id"] == grey


async def test_a_service_that_ended_is_not_offered(diary: Diary) -> None:
    await diary.service("consultation", 60)
    await diary.service("talk", 60)
    [first] = await line_up(diary, ANN, service_type="talk")
    [second] = await line_up(diary, BOB)
    await diary.owner.execute("UPDATE services SET active = false WHERE key = 'talk'")

    assert code(await free_up(diary)) is None

    assert await states(diary, first, second) == ["waiting", "offered"]


async def test_a_practitioner_who_left_is_not_offered(diary: Diary) -> None:
    grey, _ = await diary.practitioners("Dr Grey", "Dr Shaw")
    [entry] = await line_up(diary, ANN)
    booking = await diary.book(at("10:00"), SOMEBODY, practitioner_id=grey)
    await diary.owner.execute("UPDATE practitioners SET active = false WHERE id = $1", grey)

    assert code(await diary.cancel(booking)) is None

    assert await state(diary, entry) == "waiting"


async def test_only_what_was_freed_is_offered_and_not_what_lies_beside_it(diary: Diary) -> None:
    await diary.hours("11:00-13:00")
    [entry] = await line_up(diary, ANN, time_from=time(10, 15))

    await free_up(diary)

    assert await state(diary, entry) == "waiting"


async def test_a_night_belongs_to_both_its_days(diary: Diary) -> None:
    """23:30 to 00:30 is freed: Tuesday morning it isn't, and on Wednesday it is half an hour."""
    await diary.service("consultation", 60)
    await diary.service("talk", 30)
    await diary.hours("23:30-00:30")
    wish = {"service_type": "talk", "time_until": time(12)}
    first, second = [
        (await line_up(diary, who, **wish, date_from=day, date_to=day))[0]
        for who, day in ((ANN, TUESDAY), (BOB, WEDNESDAY))
    ]

    await diary.cancel(await diary.book(at("23:30"), SOMEBODY))

    assert await states(diary, first, second) == ["waiting", "offered"]
    assert await offered_start(diary, second) == at("00:00", WEDNESDAY)


async def test_a_shorter_wish_is_offered_the_first_start_inside_its_hours(diary: Diary) -> None:
    await diary.service("consultation", 60)
    await diary.service("talk", 20)
    entry = await diary.join(service_type="talk", time_from=time(10, 20))

    await free_up(diary)

    row = await diary.row(await offer_of(diary, entry))
    assert (row["scheduled_at"], row["ends_at"]) == (at("10:30"), at("10:50"))


async def test_nothing_is_offered_that_is_past_too_soon_or_taken_again(diary: Diary) -> None:
    entry = await diary.join()
    booking = await diary.book(at("10:00"), SOMEBODY)
    await diary.book(at("10:00"), EVE, source="staff", allow_overlap=True, overlap_reason="pain")
    await diary.cancel(booking)
    assert await state(diary, entry) == "waiting"

    other = await diary.book(at("09:00"), SOMEBODY)
    await diary.set(notice_minutes=24 * 60 + 121)
    await diary.cancel(other)
    assert await state(diary, entry) == "waiting"


async def test_a_time_that_is_over_is_not_offered(diary: Diary) -> None:
    entry = await diary.join()
    booking = await diary.book(at("10:00"), SOMEBODY)
    await diary.set_clock(at("11:00"))

    await diary.cancel(booking, **STAFF)

    assert await state(diary, entry) == "waiting"


async def test_a_move_frees_a_time_too(diary: Diary) -> None:
    entry = await diary.join()
    booking = await diary.book(at("09:00"), SOMEBODY)

    await diary.move(booking, at("10:00"))

    assert (await diary.row(await offer_of(diary, entry)))["scheduled_at"] == at("09:00")


@pytest.mark.parametrize("function", ["cancel", "move"])
async def test_nobody_is_offered_what_they_have_just_given_up(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"), ANN)
    first, second = await line_up(diary, ANN, BOB)

    await (diary.cancel(booking) if function == "cancel" else diary.move(booking, at("09:00")))

    assert await states(diary, first, second) == ["waiting", "offered"]


async def test_two_hundred_who_want_mornings_do_not_keep_an_evening_from_the_next(
    diary: Diary,
) -> None:
    await diary.join(EVE, time_until=time(9))
    await diary.owner.execute(
        "INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to, time_until, "
        "created_at) SELECT org_id, contact_id, service_type, date_from, date_to, time_until, "
        "created_at FROM waitlist, generate_series(2, 200)"
    )
    await diary.set_clock(NOW + MINUTE)
    entry = await diary.join(BOB, time_from=time(10))

    await free_up(diary)

    assert await state(diary, entry) == "offered"


async def test_nobody_is_offered_what_they_may_not_book(diary: Diary) -> None:
    await diary.set(upcoming_per_caller_max=1)
    await diary.book(at("09:00", TUESDAY + 7 * DAY), ANN)
    first, second = await line_up(diary, ANN, BOB)

    await diary.cancel(await diary.book(at("10:00"), SOMEBODY))

    assert await states(diary, first, second) == ["waiting", "offered"]

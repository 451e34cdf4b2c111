"""What becomes of an offer: taken, declined, lapsed, or left; and who is next."""

import json
from datetime import datetime
from uuid import UUID

import pytest

from tests.database import HOUR, Database
from tests.sql.diary import ANN, BOB, DAY, EVE, MINUTE, NOW, STAFF, TOM, Diary, at, code
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


# Accepted


async def test_who_accepts_is_booked_and_waits_no_more(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = await offer_of(diary, entry)

    booking = await diary.answer_offer("accept_offer", entry, caller_phone=ANN.phone, call_id="c")

    row = await diary.row(booking)
    assert (row["scheduled_at"], row["status"], row["call_id"]) == (at("10:00"), "confirmed", "c")
    assert (await state(diary, entry), (await diary.row(offer))["status"]) == ("booked", "expired")
    assert booking["replayed"] is False
    lead = await diary.owner.fetchrow("SELECT * FROM leads WHERE id = $1", row["contact_id"])
    assert lead is not None
    assert (lead["name"], lead["phone"]) == (ANN.name, ANN.phone)


async def test_accepted_twice_is_booked_once(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    booking = await diary.answer_offer("accept_offer", entry)

    again = await diary.answer_offer("accept_offer", entry)

    assert again == {**booking, "replayed": True}
    assert await state(diary, entry) == "booked"


async def test_an_offer_has_its_practitioner_room_and_length(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    await diary.service("scan", 60, buffer_after_minutes=10)
    await diary.room("scan", id=UUID(int=1))
    second = await diary.room("scan", id=UUID(int=2))
    booking = await diary.book(at("10:00"), SOMEBODY, service_type="scan", practitioner_id=shaw)
    below = await diary.book(at("10:00"), EVE, service_type="scan", practitioner_id=grey)
    [entry] = await line_up(diary, ANN, service_type="scan", practitioner_id=grey)
    await diary.cancel(below)
    await diary.cancel(booking)  # the first room is free again

    accepted = await diary.answer_offer("accept_offer", entry)

    assert UUID(accepted["practitioner_id"]) == grey
    assert UUID(accepted["room_id"]) in (UUID(int=1), second)
    assert (await diary.row(accepted))["blocked_until"] == at("11:10")


async def test_an_offer_lapses_at_its_moment(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await diary.set_clock(NOW + OFFER)

    answer = await diary.answer_offer("accept_offer", entry)

    assert (code(answer), len(answer["alternatives"])) == ("HOLD_EXPIRED", 3)
    assert await state(diary, entry) == "offered"  # until somebody looks


async def test_an_offer_that_was_declined_left_or_never_made_is_not_accepted(diary: Diary) -> None:
    first, second, third = await line_up(diary, ANN, BOB, EVE)
    await free_up(diary)
    await diary.answer_offer("decline_offer", first)
    await diary.answer_offer("leave_waitlist", second)

    answers = [await diary.answer_offer("accept_offer", entry) for entry in (first, second)]

    assert [code(answer) for answer in answers] == ["HOLD_EXPIRED", "HOLD_EXPIRED"]
    assert await state(diary, third) == "offered"
    [fourth] = await line_up(diary, TOM)
    assert code(await diary.answer_offer("accept_offer", fourth)) == "NOT_FOUND"


@pytest.mark.parametrize("function", ["accept_offer", "decline_offer", "leave_waitlist"])
async def test_an_offer_belongs_to_the_number_it_was_made_to(diary: Diary, function: str) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = await offer_of(diary, entry)

    for phone in (BOB.phone, "withheld", ""):
        refused = await diary.answer_offer(function, entry, caller_phone=phone)
        assert code(refused) == "NOT_YOURS"
        assert refused.keys() == {"success", "error", "message", "created_at"}
    assert (
        code(await diary.answer_offer(function, {"waitlist_id": str(UUID(int=9))})) == "NOT_FOUND"
    )
    here, diary.org_id = diary.org_id, await diary.database.organization()
    assert code(await diary.answer_offer(function, entry)) == "NOT_FOUND"
    diary.org_id = here
    assert await state(diary, entry) == "offered"
    assert (await diary.row(offer))["status"] == "held"
    staff = await diary.answer_offer(function, entry, caller_phone=BOB.phone, **STAFF)
    assert code(staff) is None


# Booked by telephone instead


async def test_who_calls_and_books_the_offered_time_has_taken_the_offer(diary: Diary) -> None:
    grey, shaw = await diary.practitioners("Dr Grey", "Dr Shaw")
    [entry] = await line_up(diary, ANN, practitioner_id=grey)
    await free_up(diary, practitioner_id=grey)

    booking = await diary.book(at("10:00"), ANN, call_id="call-1")

    assert UUID(booking["practitioner_id"]) == grey  # Dr Shaw is less busy
    assert await state(diary, entry) == "booked"
    assert shaw != grey


async def test_another_of_the_number_may_name_the_offer(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = UUID((await offer_of(diary, entry))["hold_id"])

    stranger = await diary.book(at("10:00"), BOB, hold_id=offer, call_id="call-1")
    assert code(stranger) == "NOT_YOURS"
    assert code(await diary.book(at("10:00"), TOM, hold_id=offer)) is None


async def test_who_holds_the_offered_time_gets_the_offer_itself(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = await offer_of(diary, entry)

    hold = await diary.hold(at("10:00"), caller_phone=ANN.phone)

    assert (hold["hold_id"], hold["replayed"]) == (offer["hold_id"], True)
    assert code(await diary.hold(at("10:00"), caller_phone=BOB.phone)) == "SLOT_UNAVAILABLE"
    assert await state(diary, entry) == "offered"
    hold_id = UUID(hold["hold_id"])
    assert code(await diary.book(at("10:00"), hold_id=hold_id, call_id="call-1")) is None


async def test_a_call_neither_extends_nor_ends_an_offer(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN, call_id="call-1")
    await free_up(diary)
    await diary.set_clock(NOW + MINUTE)

    assert await diary.number("extend_holds", "call-1") == 0
    assert await diary.number("release_holds", "call-1") == 0
    row = await diary.row(await offer_of(diary, entry))
    assert (row["status"], row["hold_expires_at"]) == ("held", NOW + OFFER)


async def test_a_hold_over_the_own_offer_books_nothing(diary: Diary) -> None:
    """Ann is offered 10:00 and holds 09:30 while she thinks."""
    [entry] = await line_up(diary, ANN)
    booking = await diary.book(at("10:00"), SOMEBODY)
    await diary.cancel(booking)

    hold = await diary.hold(at("09:30"), caller_phone=ANN.phone)
    await diary.call("release_hold", hold_id=UUID(hold["hold_id"]), call_id="call-1")

    assert await state(diary, entry) != "booked"


async def test_another_service_over_the_offer_is_not_what_was_waited_for(diary: Diary) -> None:
    await diary.service("scan", 60)
    await diary.service("talk", 20)
    [entry] = await line_up(diary, ANN, service_type="scan")
    await free_up(diary, service_type="scan")

    assert code(await diary.book(at("10:30"), ANN, service_type="talk")) is None

    assert await state(diary, entry) == "waiting"


@pytest.mark.parametrize("way", ["accept", "book"])
async def test_nobody_is_told_of_an_offer_that_is_taken(diary: Diary, way: str) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = await offer_of(diary, entry)

    if way == "accept":
        await diary.answer_offer("accept_offer", entry)
    else:
        await diary.book(at("10:00"), ANN)

    assert await diary.deliveries(offer) == {("sms_waitlist_offer", 1): "voided"}


async def test_nobody_is_told_of_an_offer_that_another_took_over(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    offer = await offer_of(diary, entry)
    await diary.set_clock(NOW + OFFER)

    assert code(await diary.book(at("10:00"), EVE)) is None

    assert await diary.deliveries(offer) == {("sms_waitlist_offer", 1): "voided"}


async def test_a_lapsed_offer_that_another_took_over_is_waited_for_again(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await diary.set_clock(NOW + OFFER)

    booking = await diary.book(at("10:00"), EVE)

    assert (code(booking), await state(diary, entry)) == (None, "waiting")
    held = await diary.owner.fetchval("SELECT held_appointment_id FROM waitlist")
    assert held is None


async def test_a_lapsed_offer_is_not_tidied_away_with_the_holds(diary: Diary) -> None:
    first, second = await line_up(diary, ANN, BOB)
    await diary.hold(at("09:00"))
    await diary.cancel(await diary.book(at("10:00"), SOMEBODY))
    await diary.set_clock(NOW + HOUR)

    assert await diary.number("sweep_holds") == 1
    assert await states(diary, first, second) == ["offered", "waiting"]
    assert await diary.number("advance_waitlist") == 1
    assert await states(diary, first, second) == ["waiting", "offered"]


async def test_who_books_the_time_after_the_offer_lapsed_waits_no_more(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await diary.set_clock(NOW + OFFER)

    assert code(await diary.book(at("10:00"), ANN)) is None

    assert await state(diary, entry) == "booked"


# Declined, lapsed, left


async def test_a_declined_time_goes_to_the_next_and_nobody_gets_it_twice(diary: Diary) -> None:
    first, second, third = await line_up(diary, ANN, BOB, EVE)
    await free_up(diary)
    offer = await offer_of(diary, first)

    answer = await diary.answer_offer("decline_offer", first, caller_phone=ANN.phone)
    assert (answer["status"], answer["waitlist_id"]) == ("waiting", first["waitlist_id"])
    assert (await diary.row(offer))["status"] == "expired"
    assert await diary.deliveries(offer) == {("sms_waitlist_offer", 1): "voided"}
    assert await states(diary, first, second, third) == ["waiting", "offered", "waiting"]

    await diary.answer_offer("decline_offer", second)
    assert await states(diary, first, second, third) == ["waiting", "waiting", "offered"]
    await diary.answer_offer("decline_offer", third)
    assert await states(diary, first, second, third) == ["waiting"] * 3
    assert code(await diary.book(at("10:00"), SOMEBODY)) is None
    assert await diary.count("waitlist_offers") == 3


async def test_another_time_is_offered_to_who_declined_one(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await diary.answer_offer("decline_offer", entry)
    nine = await diary.owner.fetchval(
        "SELECT id FROM appointments WHERE status = 'confirmed' AND scheduled_at = $1", at("09:00")
    )

    await diary.cancel({"appointment_id": str(nine)})

    assert await offered_start(diary, entry) == at("09:00")


@pytest.mark.parametrize("function", ["decline_offer", "advance_waitlist"])
async def test_with_time_free_beside_it_the_offer_still_goes_to_the_next(
    diary: Diary, function: str
) -> None:
    """10:00 is refused by Ann; 10:15 would do for her, and Bob has been offered nothing yet."""
    await diary.hours("11:00-13:00")
    first, second = await line_up(diary, ANN, BOB)
    await free_up(diary)

    if function == "decline_offer":
        await diary.answer_offer(function, first)
    else:
        await diary.set_clock(NOW + OFFER)
        await diary.number(function)

    assert await states(diary, first, second) == ["waiting", "offered"]
    assert await offered_start(diary, second) == at("10:00")


async def test_one_cancellation_is_not_offered_to_the_same_person_again_and_again(
    diary: Diary,
) -> None:
    await diary.hours("11:00-17:00")
    await line_up(diary, ANN)
    await free_up(diary)

    for n in range(1, 6):
        await diary.set_clock(NOW + n * OFFER)
        await diary.number("advance_waitlist")

    texts = await diary.owner.fetchval(
        "SELECT count(*) FROM deliveries WHERE kind = 'sms_waitlist_offer'"
    )
    assert texts == 1


async def test_declining_nothing_changes_nothing(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)

    answer = await diary.answer_offer("decline_offer", entry)

    assert (answer["status"], answer["version"]) == ("waiting", 1)


async def test_who_leaves_is_offered_nothing_and_the_next_is(diary: Diary) -> None:
    first, second, third = await line_up(diary, ANN, BOB, EVE)
    await diary.answer_offer("leave_waitlist", first)
    await free_up(diary)
    offer = await offer_of(diary, second)

    for _ in range(2):
        answer = await diary.answer_offer("leave_waitlist", second, caller_phone=BOB.phone)
        assert (code(answer), answer["status"]) == (None, "left")

    assert await states(diary, first, second, third) == ["left", "left", "offered"]
    assert (await diary.row(offer))["status"] == "expired"


async def test_who_leaves_with_a_stale_version_stays(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)

    refused = await diary.answer_offer("leave_waitlist", entry, version=1)

    assert (code(refused), refused["version"]) == ("STALE_VERSION", 2)
    assert await state(diary, entry) == "offered"
    assert code(await diary.answer_offer("leave_waitlist", entry, version=2)) is None


# Lapsed offers go on


async def waiting_clinics(diary: Diary, most: int = 10) -> list[str]:
    listed: str = await diary.api.fetchval("SELECT organizations_with_lapsed_holds($1)", most)
    found: list[str] = json.loads(listed)
    return found


async def test_a_lapsed_offer_goes_to_the_next_when_somebody_looks(diary: Diary) -> None:
    first, second = await line_up(diary, ANN, BOB)
    await free_up(diary)
    offer = await offer_of(diary, first)
    await diary.set_clock(NOW + OFFER - MINUTE)
    assert (await diary.number("advance_waitlist"), await waiting_clinics(diary)) == (0, [])
    assert await states(diary, first, second) == ["offered", "waiting"]

    await diary.set_clock(NOW + OFFER)
    assert await waiting_clinics(diary) == [str(diary.org_id)]
    assert await diary.number("advance_waitlist") == 1

    assert await states(diary, first, second) == ["waiting", "offered"]
    assert (await diary.row(await offer_of(diary, second)))["hold_expires_at"] == NOW + 2 * OFFER
    assert await diary.deliveries(offer) == {("sms_waitlist_offer", 1): "voided"}
    assert (await diary.number("advance_waitlist"), await waiting_clinics(diary)) == (0, [])


async def test_an_offer_that_was_renewed_meanwhile_has_not_lapsed(diary: Diary) -> None:
    """As advance_waitlist finds it, once it has the locks."""
    [entry] = await line_up(diary, ANN)
    await free_up(diary)

    ended = await diary.owner.fetchval(
        "SELECT end_offer($1, $2, 'waiting', true)", diary.org_id, UUID(entry["waitlist_id"])
    )

    assert (ended, await state(diary, entry)) == (False, "offered")


async def test_each_clinic_with_lapsed_offers_is_named_once_and_only_to_the_api(
    diary: Diary,
) -> None:
    clinics = []
    for _ in range(2):
        await line_up(diary, ANN, BOB)
        await diary.cancel(await diary.book(at("09:00"), SOMEBODY))
        await diary.cancel(await diary.book(at("10:00"), SOMEBODY))
        clinics.append(str(diary.org_id))
        diary.org_id = await diary.database.organization()
    await diary.set_clock(NOW + DAY)

    assert sorted(await waiting_clinics(diary)) == sorted(clinics)
    assert len(await waiting_clinics(diary, most=1)) == 1
    tenant = await diary.database.connect_api(UUID(clinics[0]))
    assert await tenant.fetchval("SELECT organizations_with_lapsed_holds(9)") == "[]"


async def test_the_callers_of_an_offer_are_told_of_it(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)

    answer = await diary.call("lookup_caller", phone=ANN.phone)

    [offer] = answer["people"][0]["offers"]
    assert offer["waitlist_id"] == entry["waitlist_id"]
    assert datetime.fromisoformat(offer["scheduled_at"]) == at("10:00")
    assert datetime.fromisoformat(offer["expires_at"]) == NOW + OFFER
    await diary.set_clock(NOW + HOUR)
    again = await diary.call("lookup_caller", phone=ANN.phone)
    assert again["people"][0]["offers"] == []

"""The link in a patient's message: what it shows, what it may do, and what it can't reach."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.database import Booking, Database, claim
from tests.sql.diary import ANN, BOB, DAY, MINUTE, NOW, TOM, TUESDAY, Diary, at, code, open_clinic
from tests.sql.waiting import OFFER, free_up, line_up, offer_of, open_mornings, state

LINK = {"source": "link"}


async def token_of(diary: Diary, answer: Booking) -> str:
    """The link as a message would have it."""
    id_ = UUID(answer.get("appointment_id") or answer["hold_id"])
    token: str = await diary.owner.fetchval("SELECT appointment_link($1, $2)", diary.org_id, id_)
    return token


async def seen(diary: Diary, token: str) -> Booking | None:
    found = await diary.api.fetchval("SELECT patient_appointment($1)", token)
    return None if found is None else dict(json.loads(found))


async def shown(diary: Diary, answer: Booking) -> Booking:
    page = await seen(diary, await token_of(diary, answer))
    assert page is not None
    appointment: Booking = page["appointment"]
    return appointment


async def confirm(diary: Diary, booking: Booking, **more: object) -> Booking:
    id_ = UUID(booking["appointment_id"])
    return await diary.call("confirm_by_patient", appointment_id=id_, **more)


# What it shows


async def test_a_link_shows_its_appointment_and_no_more(diary: Diary) -> None:
    await diary.set(address="1 High Street", phone="+442079460000", email="care@clinic.test")
    grey = await diary.practitioner("Dr Grey")
    await diary.service("scan", 30)
    booking = await diary.book(
        at("10:00"),
        ANN,
        service_type="scan",
        patient_email="ann@example.com",
        metadata={"notes": "her knee"},
    )
    await diary.book(at("12:00"), ANN, service_type="scan")

    page = await seen(diary, await token_of(diary, booking))

    assert page is not None
    assert page["org_id"] == str(diary.org_id)
    assert {name: page["organization"][name] for name in ("address", "phone", "email")} == {
        "address": "1 High Street",
        "phone": "+442079460000",
        "email": "care@clinic.test",
    }
    appointment = page["appointment"]
    assert appointment["id"] == booking["appointment_id"]
    assert datetime.fromisoformat(appointment.pop("updated_at")) == NOW
    assert datetime.fromisoformat(appointment.pop("scheduled_at")) == at("10:00")
    assert datetime.fromisoformat(appointment.pop("ends_at")) == at("10:30")
    assert appointment == {
        "id": booking["appointment_id"],
        "version": 1,
        "state": "booked",
        "service_type": "scan",
        "service_name": "scan",
        "practitioner_id": str(grey),
        "practitioner_name": "Dr Grey",
        "patient_name": "Ann Taylor",
        "patient_confirmed_at": None,
        "waitlist_id": None,
        "offered_until": None,
    }
    for hidden in ("knee", ANN.phone, "ann@example.com", "12:00"):
        assert hidden not in json.dumps(page)


async def test_the_implicit_practitioner_has_no_name(diary: Diary) -> None:
    assert (await shown(diary, await diary.book(at("10:00"))))["practitioner_name"] is None


async def test_a_link_stays_the_same_and_no_two_are(diary: Diary) -> None:
    first, second = await diary.book(at("10:00")), await diary.book(at("12:00"))

    tokens = {await token_of(diary, booking) for booking in (first, second, first, second)}

    assert len(tokens) == 2
    assert all(len(token) == 16 and token.isascii() for token in tokens)


async def test_an_unknown_link_shows_nothing(diary: Diary) -> None:
    token = await token_of(diary, await diary.book(at("10:00")))

    for guess in (None, "", "%", token[:-1], token.swapcase(), f"{token} ", "A" * 100_000):
        assert await diary.api.fetchval("SELECT patient_appointment($1)", guess) is None


async def test_a_tenants_session_sees_no_patients_page(diary: Diary) -> None:
    token = await token_of(diary, await diary.book(at("10:00")))

    await claim(diary.api, json.dumps({"org_id": str(diary.org_id)}))

    assert await seen(diary, token) is None


async def test_the_api_reads_no_links(diary: Diary) -> None:
    await token_of(diary, await diary.book(at("10:00")))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await diary.api.fetchval("SELECT count(*) FROM appointment_links")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await diary.api.fetchval("SELECT appointment_link($1, $1)", diary.org_id)


async def test_the_states_of_an_appointment(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.set_clock(at("10:00") - MINUTE)
    assert (await shown(diary, booking))["state"] == "booked"

    await diary.set_clock(at("10:00"))
    assert (await shown(diary, booking))["state"] == "over"
    for status in ("completed", "no_show"):
        assert code(await diary.mark(booking, status)) is None
        assert (await shown(diary, booking))["state"] == "over"


async def test_a_cancelled_appointment_is_said_to_be(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.cancel(booking, reason="found a better one")

    appointment = await shown(diary, booking)

    assert appointment["state"] == "cancelled"
    assert "better" not in json.dumps(appointment)


async def test_a_link_ends_thirty_days_after_its_appointment(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    token = await token_of(diary, booking)

    await diary.set_clock(at("11:00") + 30 * DAY - MINUTE)
    assert await seen(diary, token) is not None
    await diary.set_clock(at("11:00") + 30 * DAY)
    assert await seen(diary, token) is None


# Confirming


async def test_confirming_changes_nothing_else(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    before = await diary.row(booking)
    deliveries = await diary.deliveries(booking)
    await diary.set_clock(NOW + DAY / 2)

    answer = await confirm(diary, booking, version=1)

    after = await diary.row(booking)
    assert code(answer) is None
    assert after["patient_confirmed_at"] == NOW + DAY / 2
    assert {**before, "patient_confirmed_at": None} == {**after, "patient_confirmed_at": None}
    assert await diary.deliveries(booking) == deliveries
    [event] = await diary.events("patient_confirmed")
    assert json.loads(event["data"]) == {"source": "link", "version": 1}
    assert (await shown(diary, booking))["patient_confirmed_at"] is not None


async def test_confirmed_twice_is_confirmed_once(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    first = await confirm(diary, booking)
    await diary.set_clock(NOW + MINUTE)

    second = await confirm(diary, booking, source="sms")

    assert second == {**first, "replayed": True}
    assert len(await diary.events("patient_confirmed")) == 1


async def test_what_moved_is_not_confirmed_any_more(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await confirm(diary, booking)
    await diary.move(booking, at("12:00"))

    assert (await shown(diary, booking))["patient_confirmed_at"] is None
    assert code(await confirm(diary, booking, version=1)) == "STALE_VERSION"
    assert code(await confirm(diary, booking, version=2)) is None


@pytest.mark.parametrize("what", ["cancelled", "past", "held", "nobody's"])
async def test_what_does_not_come_can_not_be_confirmed(diary: Diary, what: str) -> None:
    booking = await diary.book(at("10:00"))
    match what:
        case "cancelled":
            await diary.cancel(booking)
        case "past":
            await diary.set_clock(at("10:00"))
        case "held":
            booking = {"appointment_id": (await diary.hold(at("12:00")))["hold_id"]}
        case _:
            booking = {"appointment_id": str(UUID(int=7))}

    assert code(await confirm(diary, booking)) == "NOT_FOUND"
    assert await diary.events("patient_confirmed") == []


# Moving and cancelling by the link


@pytest.mark.parametrize("check", ["none", "name", "name_and_birth_date"])
@pytest.mark.parametrize("source", ["link", "sms", "calendar"])
async def test_what_proves_the_person_needs_no_callers_check(
    diary: Diary, check: str, source: str
) -> None:
    await diary.set(caller_check=check)
    booking = await diary.book(at("10:00"))

    assert code(await diary.move(booking, at("12:00"), source=source)) is None
    assert code(await diary.cancel(booking, source=source)) is None


async def test_a_caller_is_asked_all_the_same(diary: Diary) -> None:
    await diary.set(caller_check="name")
    booking = await diary.book(at("10:00"))

    for source in ("voice", "rpc", "mcp", "sql", "links"):
        assert code(await diary.move(booking, at("12:00"), source=source)) == "NEEDS_CONFIRMATION"
        assert code(await diary.cancel(booking, source=source)) == "NEEDS_CONFIRMATION"


async def test_a_link_keeps_the_rules_for_callers(diary: Diary) -> None:
    await diary.set(notice_minutes=24 * 60, horizon_days=30)
    await diary.hours("09:00-17:00")
    booking = await diary.book(at("10:00", TUESDAY + DAY * 7))

    async def moved(start: datetime, **more: object) -> str | None:
        return code(await diary.move(booking, start, **LINK, **more))

    assert await moved(NOW + timedelta(hours=23)) == "TOO_SOON"
    assert await moved(NOW + 31 * DAY) == "TOO_FAR_AHEAD"
    assert await moved(at("18:00", TUESDAY + DAY * 7)) == "OUTSIDE_HOURS"
    assert await moved(at("11:00", TUESDAY + DAY * 7), duration_minutes=5) == "UNAUTHORIZED"
    assert (
        await moved(at("11:00", TUESDAY + DAY * 7), allow_overlap=True, overlap_reason="x")
        == "UNAUTHORIZED"
    )
    await diary.set_clock(at("10:00", TUESDAY + DAY * 7))
    assert await moved(at("11:00", TUESDAY + DAY * 14)) == "NOT_FOUND"
    assert code(await diary.cancel(booking, **LINK)) == "NOT_FOUND"


async def test_one_clinics_link_moves_nothing_of_another(diary: Diary, database: Database) -> None:
    booking = await diary.book(at("10:00"))
    other = await open_clinic(database)

    id_ = UUID(booking["appointment_id"])
    moving = {"appointment_id": id_, "scheduled_at": at("12:00")}
    assert code(await other.call("reschedule_appointment", **moving, **LINK)) == "NOT_FOUND"
    assert code(await other.call("cancel_appointment", appointment_id=id_, **LINK)) == "NOT_FOUND"
    assert code(await other.call("confirm_by_patient", appointment_id=id_)) == "NOT_FOUND"
    assert (await diary.row(booking))["version"] == 1


# What could it move to?


async def test_what_moves_is_not_in_its_own_way(diary: Diary) -> None:
    await diary.hours("09:00-12:00")
    booking = await diary.book(at("10:00"))
    id_ = UUID(booking["appointment_id"])

    assert await diary.starts_on() == ["09:00", "11:00"]
    assert "10:15" in await diary.starts_on(**{"except": id_})
    assert await diary.starts_on(**{"except": UUID(int=7)}) == ["09:00", "11:00"]
    assert code(await diary.move(booking, at("10:15"), **LINK)) is None


async def test_every_time_that_is_offered_can_be_moved_to(diary: Diary) -> None:
    """With the appointment's own length, buffers and room, whatever the service has now."""
    await diary.hours("09:00-12:00")
    await diary.practitioner()
    await diary.service("scan", 45, buffer_after_minutes=15)
    room = await diary.room("scan")
    booking = await diary.book(at("10:00"), service_type="scan")
    await diary.owner.execute("UPDATE services SET duration_minutes = 15, buffer_after_minutes = 0")
    await diary.owner.execute("DELETE FROM room_services")
    await diary.book(at("11:30"), BOB, service_type="scan", room_id=room)
    id_ = UUID(booking["appointment_id"])

    free = await diary.free_on(service_type="scan", **{"except": id_})

    assert free["duration_minutes"] == 45
    starts = {datetime.fromisoformat(slot["starts_at"]) for slot in free["slots"]}
    assert starts == {at("09:00") + n * 15 * MINUTE for n in range(7)}
    for quarter in range(12):
        start = at("09:00") + quarter * 15 * MINUTE
        refused = code(await diary.move(booking, start, **LINK))
        assert (refused is None) == (start in starts or start == at("10:00")), start


# An offer from the waiting list


async def offered(database: Database) -> tuple[Diary, Booking, str]:
    diary = await open_mornings(database)
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    return diary, entry, await token_of(diary, await offer_of(diary, entry))


async def test_an_offer_is_shown_until_it_lapses(database: Database) -> None:
    diary, entry, token = await offered(database)

    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["state"] == "offered"
    assert page["appointment"]["waitlist_id"] == entry["waitlist_id"]
    assert page["appointment"]["patient_name"] == ANN.name
    assert datetime.fromisoformat(page["appointment"]["offered_until"]) == NOW + OFFER

    await diary.set_clock(NOW + OFFER)
    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["state"] == "lapsed"
    assert page["appointment"]["waitlist_id"] is None


async def test_the_link_of_an_offer_follows_what_it_became(database: Database) -> None:
    diary, entry, token = await offered(database)
    offer = UUID((await offer_of(diary, entry))["hold_id"])

    booking = await diary.answer_offer("accept_offer", entry, hold_id=offer, **LINK)

    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["id"] == booking["appointment_id"]
    assert page["appointment"]["state"] == "booked"
    assert await token_of(diary, booking) == token
    again = await diary.answer_offer("accept_offer", entry, hold_id=offer, **LINK)
    assert again == {**booking, "replayed": True}


async def test_the_link_follows_when_the_offer_is_taken_by_phone(database: Database) -> None:
    diary, _, token = await offered(database)

    booking = await diary.book(at("10:00"), ANN)

    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["id"] == booking["appointment_id"]


async def test_the_link_of_an_offer_is_nobody_elses(database: Database) -> None:
    """The household shares the number, and so may book what is offered to one of them."""
    diary, _, token = await offered(database)

    assert code(await diary.book(at("10:00"), TOM)) is None

    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["state"] == "lapsed"
    assert page["appointment"]["patient_name"] == ANN.name


async def test_only_the_offer_that_was_seen_is_taken(database: Database) -> None:
    diary, entry, _ = await offered(database)

    answer = await diary.answer_offer("accept_offer", entry, hold_id=UUID(int=7), **LINK)

    assert code(answer) == "NOT_FOUND"
    assert await state(diary, entry) == "offered"


async def test_only_the_offer_that_was_seen_is_declined(database: Database) -> None:
    diary, entry, token = await offered(database)
    offer = UUID((await offer_of(diary, entry))["hold_id"])

    assert code(await diary.answer_offer("decline_offer", entry, hold_id=UUID(int=7))) is None
    assert await state(diary, entry) == "offered"
    assert code(await diary.answer_offer("decline_offer", entry, hold_id=offer)) is None
    assert await state(diary, entry) == "waiting"
    page = await seen(diary, token)
    assert page is not None
    assert page["appointment"]["state"] == "lapsed"


async def test_a_calls_own_hold_is_nobodys_offer(diary: Diary) -> None:
    hold = await diary.hold(at("10:00"))

    assert (await shown(diary, hold))["state"] == "lapsed"

"""Who may move or cancel an appointment, and what a repeated request is answered."""

from datetime import date
from uuid import UUID

import pytest

from tests.database import Booking
from tests.sql.diary import ANN, BOB, DAY, NOW, STAFF, Diary, at, code

FUNCTIONS = ("move", "cancel")
KEY = {"idempotency_key": "k", "request_hash": "h"}


async def change(diary: Diary, function: str, booking: Booking, **more: object) -> Booking:
    if function == "cancel":
        return await diary.cancel(booking, **more)
    return await diary.move(booking, at("15:00"), **more)


def is_bare(refused: Booking, expected: str) -> bool:
    """Refused so, and nothing told besides."""
    told = set(refused) == {"success", "error", "message", "created_at"}
    return code(refused) == expected and told


# The number


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_only_the_number_it_was_booked_from(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"), contact_phone=BOB.phone)

    for phone in (BOB.phone, "", "withheld", ANN.phone + "1"):
        for version in (None, 1, 9):
            refused = await change(diary, function, booking, caller_phone=phone, version=version)
            assert is_bare(refused, "NOT_YOURS")
    assert (await diary.row(booking))["version"] == 1
    assert code(await change(diary, function, booking, caller_phone=BOB.phone, **STAFF)) is None


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_number_however_it_is_written_or_the_id_alone(
    diary: Diary, function: str
) -> None:
    for n, phone in enumerate((ANN.phone, "0044 (0)20 7946-0958", None)):
        booking = await diary.book(at("10:00") + n * DAY)
        assert code(await change(diary, function, booking, caller_phone=phone)) is None
        await diary.owner.execute("UPDATE appointments SET status = 'completed'")


async def test_whose_it_was_is_looked_at_before_what_became_of_it(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.cancel(booking)

    for function in FUNCTIONS:
        refused = await change(diary, function, booking, caller_phone=BOB.phone)
        assert is_bare(refused, "NOT_YOURS")


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_booking_survives_the_loss_of_its_lead(diary: Diary, function: str) -> None:
    await diary.set(caller_check="name")
    booking = await diary.book(at("10:00"))
    await diary.owner.execute("UPDATE appointments SET contact_id = NULL")
    await diary.owner.execute("DELETE FROM leads")

    wrong = {"caller_phone": BOB.phone, "caller_name": ANN.name}
    assert code(await change(diary, function, booking, **wrong)) == "NOT_YOURS"
    wrong = {"caller_phone": ANN.phone, "caller_name": BOB.name}
    assert code(await change(diary, function, booking, **wrong)) == "NOT_YOURS"
    right = {"caller_phone": ANN.phone, "caller_name": ANN.name}
    assert code(await change(diary, function, booking, **right)) is None


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_number_that_is_none_owns_nothing(diary: Diary, function: str) -> None:
    id_ = await diary.database.appointment(
        diary.org_id, await diary.practitioner(), scheduled_at=at("10:00"), ends_at=at("11:00")
    )

    refused = await change(diary, function, {"appointment_id": str(id_)}, caller_phone="withheld")

    assert code(refused) == "NOT_YOURS"


async def test_a_name_that_is_none_is_nobodys(diary: Diary) -> None:
    await diary.set(caller_check="name")
    id_ = await diary.database.appointment(
        diary.org_id, await diary.practitioner(), scheduled_at=at("10:00"), ends_at=at("11:00")
    )

    refused = await diary.cancel({"appointment_id": str(id_)}, caller_name="12345")

    assert code(refused) == "NOT_YOURS"


# What else the clinic asks for


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_name_on_the_booking(diary: Diary, function: str) -> None:
    await diary.set(caller_check="name")
    booking = await diary.book(at("10:00"), patient_name="Zoë O'Hara-Smith")

    for name in (None, "", "  "):
        for phone in (ANN.phone, None):
            asked = await change(diary, function, booking, caller_name=name, caller_phone=phone)
            assert (code(asked), asked["needs"]) == ("NEEDS_CONFIRMATION", "name")
    for name in ("Ann Taylor", "Zoe", "%", "12345"):
        assert code(await change(diary, function, booking, caller_name=name)) == "NOT_YOURS"
    assert (await diary.row(booking))["version"] == 1
    assert code(await change(diary, function, booking, caller_name="ZOE OHARASMITH")) is None


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_name_and_the_date_of_birth(diary: Diary, function: str) -> None:
    await diary.set(caller_check="name_and_birth_date")
    booking = await diary.book(at("10:00"), birth_date=date(1980, 2, 29))
    named = {"caller_name": "ann TAYLOR", "caller_phone": ANN.phone}

    assert (await change(diary, function, booking))["needs"] == "name"
    asked = await change(diary, function, booking, **named)
    assert (code(asked), asked["needs"]) == ("NEEDS_CONFIRMATION", "birth_date")
    wrong = await change(diary, function, booking, **named, caller_birth_date=date(1981, 2, 28))
    assert is_bare(wrong, "NOT_YOURS")
    right = await change(diary, function, booking, **named, caller_birth_date=date(1980, 2, 29))
    assert code(right) is None


async def test_a_date_of_birth_that_is_not_known_is_not_guessed(diary: Diary) -> None:
    await diary.set(caller_check="name_and_birth_date")
    booking = await diary.book(at("10:00"))

    given = {"caller_name": ANN.name, "caller_birth_date": date(1980, 2, 29)}
    assert code(await diary.cancel(booking, **given)) == "NOT_YOURS"
    assert code(await diary.cancel(booking, **STAFF)) is None


async def test_a_repeated_cancellation_is_answered_to_its_owner_alone(diary: Diary) -> None:
    await diary.set(caller_check="name")
    booking = await diary.book(at("10:00"))
    await diary.cancel(booking, **STAFF)

    assert code(await diary.cancel(booking)) == "NEEDS_CONFIRMATION"
    assert code(await diary.cancel(booking, caller_name=BOB.name)) == "NOT_YOURS"
    assert (await diary.cancel(booking, caller_name=ANN.name))["replayed"] is True


async def test_the_date_of_birth_is_kept_from_the_first_time(diary: Diary) -> None:
    """Whoever calls from the number later can't make themselves another."""
    first, later = date(1980, 2, 29), date(1990, 1, 1)
    await diary.book(at("10:00"), birth_date=first)
    await diary.book(at("12:00"), birth_date=later)

    assert await diary.owner.fetchval("SELECT birth_date FROM leads") == first


# Asked again by key


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_key_gets_the_same_answer(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"), patient_email="ann@example.com")
    first = await change(diary, function, booking, **KEY, caller_phone=ANN.phone)
    await diary.owner.execute("UPDATE appointments SET status = 'completed'")

    again = await change(diary, function, booking, **KEY, caller_phone=ANN.phone)

    assert again == {**first, "replayed": True}
    assert len(await diary.events("moved") + await diary.events("cancelled")) == 1
    other = {"idempotency_key": "k", "request_hash": "other"}
    assert code(await change(diary, function, booking, **other)) == "IDEMPOTENCY_MISMATCH"
    kept = await diary.owner.fetchrow("SELECT * FROM idempotency_keys")
    assert kept is not None
    assert kept["created_at"] == NOW
    assert not [word for word in ("Ann", "Taylor", "example", "7946") if word in str(kept)]


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_refused_request_leaves_its_key_free(diary: Diary, function: str) -> None:
    booking = await diary.book(at("10:00"))

    refused = await change(diary, function, booking, **KEY, caller_phone=BOB.phone)
    changed = await change(diary, function, booking, **KEY, caller_phone=ANN.phone)

    assert (code(refused), code(changed), changed["replayed"]) == ("NOT_YOURS", None, False)


async def test_a_key_belongs_to_one_clinic(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.cancel(booking, **KEY)
    diary.org_id = await diary.database.organization()

    other = await diary.book(at("10:00"))

    assert (await diary.cancel(other, **KEY))["replayed"] is False


async def test_a_move_back_is_a_move_of_its_own(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.move(booking, at("15:00"), **KEY)
    await diary.move(booking, at("10:00"))

    again = await diary.move(booking, at("15:00"), **KEY)

    assert (again["replayed"], again["version"]) == (True, 2)
    assert (await diary.row(booking))["scheduled_at"] == at("10:00")


async def test_a_key_without_a_hash_stands_for_its_arguments(diary: Diary) -> None:
    booking, other = await diary.book(at("10:00")), await diary.book(at("12:00"), BOB)
    await diary.cancel(booking, idempotency_key="k")

    assert code(await diary.cancel(other, idempotency_key="k")) == "IDEMPOTENCY_MISMATCH"


async def test_a_key_without_a_hash_stands_for_its_function(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    await diary.hold(at("12:00"), idempotency_key="k")

    refused = await diary.cancel(booking, idempotency_key="k")

    assert code(refused) == "IDEMPOTENCY_MISMATCH"
    assert (await diary.row(booking))["status"] == "confirmed"


async def test_nobody_is_told_anything_of_an_unknown_appointment(diary: Diary) -> None:
    for function in FUNCTIONS:
        refused = await change(diary, function, {"appointment_id": str(UUID(int=9))})
        assert is_bare(refused, "NOT_FOUND")


async def test_a_key_that_can_not_be_kept_is_refused(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))

    for key in ("", "x" * 301):
        given = {"idempotency_key": key}
        for answer in (
            await diary.move(booking, at("15:00"), **given),
            await diary.cancel(booking, **given),
            await diary.hold(at("12:00"), **given),
            await diary.join(**given),
            await diary.call("take_message", body="Call me", **given),
        ):
            assert code(answer) == "INVALID_ARGUMENTS"

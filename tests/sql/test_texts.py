"""Text messages that come in: what a reply means, whose it is, and who wants none."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.database import HOUR, Database
from tests.sql.diary import ANN, BOB, DAY, MINUTE, NOW, TOM, Caller, Diary, at, code, open_clinic
from tests.sql.texting import OURS, Phone, give_account, open_texting, send_all
from tests.sql.waiting import SOMEBODY, free_up, line_up, state


@pytest.fixture
async def diary(database: Database) -> Diary:
    return await open_texting(database)


@pytest.fixture
def phone(diary: Diary) -> Phone:
    return Phone(diary)


async def choices(phone: Phone) -> list[str]:
    """The appointments of the question that was asked last."""
    asked = (await phone.replies())[-1]
    assert asked["answer"] == "which"
    chosen: list[str] = json.loads(asked["choices"])["appointments"]
    return chosen


# One appointment


async def test_c_confirms_and_is_thanked(diary: Diary, phone: Phone) -> None:
    booking = await diary.book(at("10:00"))
    before = await diary.row(booking)

    assert await phone.answer("c") == "confirmed"

    row = await diary.row(booking)
    assert row["patient_confirmed_at"] == NOW
    assert (row["version"], row["updated_at"]) == (before["version"], before["updated_at"])
    [event] = await diary.events("patient_confirmed")
    assert str(event["appointment_id"]) == booking["appointment_id"]
    [reply] = await phone.replies()
    assert (str(reply["appointment_id"]), reply["our_number"]) == (booking["appointment_id"], OURS)
    due = await diary.owner.fetchrow("SELECT * FROM deliveries WHERE kind = 'sms_reply'")
    assert due is not None
    assert (due["subject_id"], due["status"]) == (reply["id"], "queued")


async def test_twice_confirmed_is_confirmed_at_the_first(diary: Diary, phone: Phone) -> None:
    booking = await diary.book(at("10:00"))
    await phone.answer("C")
    await diary.set_clock(NOW + MINUTE)

    assert await phone.answer("1") == "confirmed"

    assert (await diary.row(booking))["patient_confirmed_at"] == NOW
    assert len(await diary.events("patient_confirmed")) == 1


@pytest.mark.parametrize("body", ["R", "2", "reschedule"])
async def test_r_is_answered_with_the_link(diary: Diary, phone: Phone, body: str) -> None:
    booking = await diary.book(at("10:00"))

    assert await phone.answer(body) == "reschedule"

    [reply] = await phone.replies()
    assert str(reply["appointment_id"]) == booking["appointment_id"]
    assert (await diary.row(booking))["status"] == "confirmed"


@pytest.mark.parametrize("body", ["x", " X. ", "3", "cancelar", "Absagen"])
async def test_x_cancels_and_the_cancellation_tells_so(
    diary: Diary, phone: Phone, body: str
) -> None:
    booking = await diary.book(at("10:00"))

    assert await phone.answer(body) == "done"

    assert (await diary.row(booking))["status"] == "cancelled"
    [event] = await diary.events("cancelled")
    assert json.loads(event["data"])["source"] == "sms"
    assert await phone.replies() == []
    assert (await diary.deliveries(booking))["sms_cancellation", 2] == "queued"


async def test_where_the_clinic_asks_for_more_the_page_cancels(database: Database) -> None:
    diary = await open_texting(database, caller_check="name")
    phone = Phone(diary)
    booking = await diary.book(at("10:00"))

    assert await phone.answer("X") == "cancel_elsewhere"

    assert (await diary.row(booking))["status"] == "confirmed"


async def test_the_same_message_is_taken_once(diary: Diary, phone: Phone) -> None:
    await diary.book(at("10:00"))
    first = await phone.text("C", sid="SM7")

    again = await phone.text("X", sid="SM7")

    assert (first["replayed"], again["replayed"], again["answer"]) == (False, True, None)
    assert len(await phone.replies()) == 1
    assert len(await diary.events("text_received")) == 1


async def test_a_message_that_comes_eight_times_at_once(diary: Diary) -> None:
    booking = await diary.book(at("10:00"))
    phones = [Phone(replace(diary, api=await diary.database.connect_api())) for _ in range(8)]

    taken = await asyncio.gather(*(phone.text("X", sid="SM7") for phone in phones))

    assert sorted(answer["replayed"] for answer in taken) == [False] + [True] * 7
    assert (await diary.row(booking))["version"] == 2


async def test_nothing_upcoming_and_nothing_understood(diary: Diary, phone: Phone) -> None:
    booking = await diary.book(at("10:00"))

    assert await phone.answer("See you then!") == "not_understood"
    await diary.set_clock(at("10:00"))
    assert await phone.answer("X") == "nothing_upcoming"
    assert (await diary.row(booking))["status"] == "confirmed"


async def test_a_machine_that_answers_us_is_not_answered_for_ever(
    diary: Diary, phone: Phone
) -> None:
    said = [await phone.answer("I am out of the office") for _ in range(5)]
    assert said == ["not_understood"] * 3 + ["limit_reached"] * 2

    await diary.book(at("10:00"))
    said = [await phone.answer("C") for _ in range(18)]
    assert said == ["confirmed"] * 17 + ["limit_reached"]
    await diary.set_clock(NOW + DAY)
    assert await phone.answer("hello") == "not_understood"


# Several people, several clinics


async def test_two_of_a_household_are_asked_which(diary: Diary, phone: Phone) -> None:
    ann = await diary.book(at("09:00"), ANN)
    tom = await diary.book(at("10:00"), TOM)

    assert await phone.answer("X") == "which"
    assert await choices(phone) == [ann["appointment_id"], tom["appointment_id"]]
    assert await phone.answer("7") == "which"
    assert await phone.answer("the second") == "which"
    assert await phone.answer("2.") == "done"

    assert [(await diary.row(each))["status"] for each in (ann, tom)] == ["confirmed", "cancelled"]
    # The question is answered: a 1 is now as good as a C, and there is one left.
    assert await phone.answer("1") == "confirmed"
    assert (await diary.row(ann))["patient_confirmed_at"] == NOW


async def test_a_letter_after_the_question_is_a_new_wish(diary: Diary, phone: Phone) -> None:
    await diary.book(at("09:00"), ANN)
    tom = await diary.book(at("10:00"), TOM)
    await phone.answer("X")

    assert await phone.answer("C") == "which"
    assert await phone.answer("2") == "confirmed"

    assert (await diary.row(tom))["patient_confirmed_at"] == NOW


async def test_a_question_is_forgotten_after_an_hour(diary: Diary, phone: Phone) -> None:
    rows = [await diary.book(at(start), who) for start, who in (("09:00", ANN), ("10:00", TOM))]
    await phone.answer("X")
    await diary.set_clock(NOW + HOUR)

    assert await phone.answer("1") == "which"  # to confirm which?

    assert [(await diary.row(row))["status"] for row in rows] == ["confirmed"] * 2


async def test_a_question_is_overtaken_by_the_next_message(diary: Diary, phone: Phone) -> None:
    """1 must not cancel what a reminder has just asked to confirm."""
    rows = [await diary.book(at(start), who) for start, who in (("09:00", ANN), ("10:00", TOM))]
    await phone.answer("X")
    await send_all(diary)

    assert await phone.answer("1") == "which"

    assert [(await diary.row(row))["status"] for row in rows] == ["confirmed"] * 2


async def test_what_was_chosen_may_be_gone(diary: Diary, phone: Phone) -> None:
    ann = await diary.book(at("09:00"), ANN)
    await diary.book(at("10:00"), TOM)
    await phone.answer("C")
    await diary.cancel(ann)

    assert await phone.answer("1") == "nothing_upcoming"


async def test_the_number_that_is_texted_may_answer(diary: Diary) -> None:
    """The contact number of an appointment that was booked from another."""
    booking = await diary.book(at("10:00"), ANN, contact_phone=BOB.phone)
    phone = Phone(diary, BOB.phone)
    assert await phone.answer("X") == "nothing_upcoming"  # nobody has texted it
    texts = await send_all(diary)
    written = await diary.owner.fetchval(
        "SELECT their_number FROM texts WHERE id = $1", texts["sms_confirmation"]
    )
    assert written == BOB.phone

    assert await phone.answer("X") == "done"

    assert (await diary.row(booking))["status"] == "cancelled"


async def test_clinics_that_share_a_patient_never_mix(database: Database) -> None:
    here = await open_texting(database)
    there = Diary(database, here.api, here.owner, await database.organization(name="There"))
    await give_account(there, "+442079460001")
    mine, theirs = await here.book(at("10:00")), await there.book(at("10:00"))

    assert await Phone(there, ours="+442079460001").answer("X") == "done"

    assert (await here.row(mine))["status"] == "confirmed"
    assert (await there.row(theirs))["status"] == "cancelled"
    await Phone(here).answer("STOP")
    assert await Phone(there).consents() == []


async def test_a_number_that_is_not_ours_is_refused(database: Database) -> None:
    diary = await open_texting(database)
    bare = await open_clinic(database)

    for clinic, ours in ((diary, "+442079460001"), (diary, "nonsense"), (bare, OURS)):
        assert code(await Phone(clinic, ours=ours).text("C")) == "NOT_FOUND"
    assert code(await Phone(diary, number="VERIZON").text("C")) == "INVALID_PHONE"
    nonsense: list[dict[str, Any]] = [
        {"meaning": "obey"},
        {"meaning": None},
        {"meaning": "digit", "digit": 0},
        {"external_id": ""},
        {"external_id": "x" * 101},
    ]
    for changes in nonsense:
        assert code(await Phone(diary).text("C", **changes)) == "INVALID_ARGUMENTS", changes
    assert await diary.count("texts") == 0


# Offers


async def test_c_takes_an_offer(diary: Diary) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)

    assert await Phone(diary).answer("C") == "done"

    assert await state(diary, entry) == "booked"
    kinds = await diary.owner.fetch("SELECT kind FROM deliveries WHERE channel = 'sms' ORDER BY 1")
    assert "sms_confirmation" in [row["kind"] for row in kinds]


async def test_x_declines_an_offer_and_the_next_gets_it(diary: Diary, phone: Phone) -> None:
    first, second = await line_up(diary, ANN, BOB)
    await free_up(diary)

    assert await phone.answer("X") == "declined"

    assert [await state(diary, entry) for entry in (first, second)] == ["waiting", "offered"]


async def test_the_last_message_was_the_offer(diary: Diary, phone: Phone) -> None:
    """Who has an appointment too, and answers the offer."""
    booked = await diary.book(at("09:00", at("09:00").date() + 7 * DAY))
    await send_all(diary)
    [entry] = await line_up(diary, ANN)
    await diary.cancel(await diary.book(at("10:00"), SOMEBODY))
    assert await phone.answer("X") == "which"  # it isn't sent yet
    assert len(await choices(phone)) == 2
    await send_all(diary)

    assert await phone.answer("C") == "done"

    assert await state(diary, entry) == "booked"
    assert (await diary.row(booked))["patient_confirmed_at"] is None


async def test_an_offer_is_not_rescheduled(diary: Diary, phone: Phone) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await send_all(diary)

    assert await phone.answer("R") == "not_understood"

    assert await state(diary, entry) == "offered"


async def test_an_offer_that_lapsed(diary: Diary, phone: Phone) -> None:
    [entry] = await line_up(diary, ANN)
    await free_up(diary)
    await send_all(diary)
    await diary.set_clock(NOW + timedelta(minutes=31))

    assert await phone.answer("C") == "offer_gone"

    assert await state(diary, entry) != "booked"


async def test_offers_at_night_begin_in_the_morning(diary: Diary) -> None:
    first, second = await line_up(diary, ANN, BOB)
    early = await diary.book(at("09:00"), SOMEBODY)
    night = at("22:30", NOW.date())
    await diary.set_clock(night)

    await diary.cancel(early)

    assert [await state(diary, entry) for entry in (first, second)] == ["offered", "waiting"]
    offer = await diary.owner.fetchrow(
        "SELECT due_at, lapses_at, hold_expires_at FROM deliveries "
        "JOIN appointments ON appointments.id = subject_id WHERE kind = 'sms_waitlist_offer'"
    )
    assert offer is not None
    assert tuple(offer) == (at("08:00"), at("08:30"), at("08:30"))


async def test_what_begins_before_the_night_ends_is_offered_to_nobody(diary: Diary) -> None:
    await diary.hours("07:00-08:00")
    [entry] = await line_up(diary, ANN)
    early = await diary.book(at("07:00"), SOMEBODY)
    await diary.set_clock(at("05:00"))

    await diary.cancel(early)

    assert await state(diary, entry) == "waiting"


QUIET = [
    ("21:00", "08:00", "20:59", None),
    ("21:00", "08:00", "21:00", ("08:00", 1)),
    ("21:00", "08:00", "03:00", ("08:00", 0)),
    ("21:00", "08:00", "08:00", None),
    ("01:00", "06:00", "00:59", None),
    ("01:00", "06:00", "05:59", ("06:00", 0)),
    ("12:00", "12:00", "12:00", None),
]


@pytest.mark.parametrize(("starts", "ends", "clock", "until"), QUIET)
async def test_the_clinics_quiet_hours(
    diary: Diary, starts: str, ends: str, clock: str, until: tuple[str, int] | None
) -> None:
    await diary.owner.execute(
        "UPDATE organizations SET quiet_from = $1::text::time, quiet_until = $2::text::time",
        starts,
        ends,
    )

    end = await diary.owner.fetchval("SELECT quiet_end($1, $2)", diary.org_id, at(clock))

    assert end == (until and at(until[0], at(clock).date() + until[1] * DAY))


# Consent


async def test_stop_and_start_are_kept_and_not_answered(diary: Diary, phone: Phone) -> None:
    await diary.book(at("10:00"))

    for body in ("STOP", "Start", "help", "stop all"):
        assert await phone.answer(body) is None

    assert await phone.consents() == [
        ("opt_out", "STOP", "text"),
        ("opt_in", "START", "text"),
        ("help", "HELP", "text"),
        ("opt_out", "STOPALL", "text"),
    ]
    assert await phone.replies() == []
    assert len(await diary.events("text_opt_out")) == 2
    assert await diary.events("alert_raised") == []


async def test_yes_confirms_or_opts_in_again(diary: Diary, phone: Phone) -> None:
    await diary.book(at("10:00"))

    assert await phone.answer("Yes") == "confirmed"
    await phone.answer("STOP")
    assert await phone.answer("YES") is None

    assert [kind for kind, _, _ in await phone.consents()] == ["opt_out", "opt_in"]


@pytest.mark.parametrize("body", ["CANCEL", "end", "Cancel!"])
async def test_who_texts_cancel_has_opted_out_and_staff_are_told(
    diary: Diary, phone: Phone, body: str
) -> None:
    booking = await diary.book(at("10:00"))

    assert await phone.answer(body) is None

    assert [kind for kind, _, _ in await phone.consents()] == ["opt_out"]
    alert = await diary.owner.fetchrow("SELECT * FROM alerts")
    assert alert is not None
    assert (alert["kind"], str(alert["appointment_id"])) == (
        "sms_opt_out_word",
        booking["appointment_id"],
    )
    assert (await diary.row(booking))["status"] == "confirmed"
    assert await diary.owner.fetchval("SELECT count(*) FROM deliveries WHERE channel='alert'") == 1


async def test_cancel_with_nothing_to_cancel_alerts_nobody(diary: Diary, phone: Phone) -> None:
    await phone.answer("CANCEL")

    assert (await diary.count("alerts"), await diary.count("consents")) == (0, 1)


async def test_consent_as_staff_heard_it(diary: Diary, phone: Phone) -> None:
    for kind, source in (("opt_out", "carrier"), ("opt_out", "carrier"), ("opt_in", "staff")):
        given = {"phone": phone.number, "kind": kind, "source": source}
        assert code(await diary.call("save_consent", **given)) is None

    assert await phone.consents() == [("opt_out", None, "carrier"), ("opt_in", None, "staff")]
    wrong: list[tuple[object, object, object, str]] = [
        ("x", "opt_in", "staff", "INVALID_PHONE"),
        (phone.number, "help", "staff", "INVALID_ARGUMENTS"),
        (phone.number, "opt_in", "text", "INVALID_ARGUMENTS"),
    ]
    for number, what, who, expected in wrong:
        refused = await diary.call("save_consent", phone=number, kind=what, source=who)
        assert code(refused) == expected
    diary.org_id = UUID(int=9)
    given = {"phone": phone.number, "kind": "opt_out", "source": "staff"}
    assert code(await diary.call("save_consent", **given)) == "INVALID_ORGANIZATION"


async def test_events_and_alerts_hold_nothing_of_what_was_texted(
    diary: Diary, phone: Phone
) -> None:
    booking = await diary.book(at("10:00"), Caller("Ann Taylor", phone.number))
    for body in ("STOP", "CANCEL", "my tooth hurts", "C", "X"):
        await phone.answer(body)

    written = str(await diary.owner.fetch("SELECT data FROM events")) + str(
        await diary.owner.fetch("TABLE alerts")
    )
    assert booking["appointment_id"]
    assert not [word for word in ("7946", "tooth", "Ann", "STOP") if word in written]

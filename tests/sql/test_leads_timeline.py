"""A lead's timeline: all that happened, once, in order, page by page, and nobody else's."""

from collections import Counter
from uuid import UUID, uuid4

import pytest

from tests.sql.diary import ANN, BOB, EVE, NOW, TOM, Diary, at, code
from tests.sql.lead_pages import MINUTE, a_full_life, kinds, pages, timeline, write

EVERYTHING = {
    "call",
    "text_in",
    "message",
    "booked",
    "moved",
    "cancelled",
    "patient_confirmed",
    "waitlist_joined",
    "waitlist_offered",
    "delivery",
    "text_out",
    "opt_in",
    "note",
    "lead_changed",
}


async def test_everything_is_told(diary: Diary) -> None:
    ann = await a_full_life(diary, ANN)
    assert set(await kinds(diary, ann)) == EVERYTHING


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_no_page_loses_or_repeats_what_happened_at_one_moment(
    diary: Diary, limit: int
) -> None:
    ann = await a_full_life(diary, ANN)
    everything = await pages(diary, ann, 200)
    assert len({item["at"] for item in everything}) == 1
    keys = [item["key"] for item in everything]
    assert len(set(keys)) == len(keys) >= 18
    assert [item["key"] for item in await pages(diary, ann, limit)] == keys


async def test_what_is_newer_comes_first(diary: Diary) -> None:
    ann = await a_full_life(diary, ANN)
    await diary.set_clock(NOW + MINUTE)
    await diary.call("add_note", lead_id=ann, body="Later", staff_id=None, author="Desk")
    await diary.set_clock(NOW + 2 * MINUTE)
    await diary.book(at("16:00"), ANN)
    newest = (await pages(diary, ann, 200))[:4]
    assert [item["kind"] for item in newest] == ["delivery", "delivery", "booked", "note"]
    assert [item["at"] for item in newest] == sorted((i["at"] for i in newest), reverse=True)


async def test_the_rest_of_the_household_has_a_timeline_of_its_own(diary: Diary) -> None:
    ann = await a_full_life(diary, ANN)
    await diary.set_clock(NOW + MINUTE)
    tom = UUID((await diary.book(at("15:00"), TOM))["contact_id"])
    bob = await a_full_life(diary, BOB, NOW + 2 * MINUTE, "19:00")
    shared = {"text_in", "text_out", "opt_in"}  # nobody knows whose they are
    assert Counter(await kinds(diary, tom)) == Counter([*shared, "booked", *["delivery"] * 2])
    keys = [{item["key"] for item in await timeline(diary, lead)} for lead in (ann, tom, bob)]
    assert not keys[2] & (keys[0] | keys[1])
    assert {key.split("-")[1] for key in keys[0] & keys[1]} == {"text", "consent"}


async def test_a_text_about_somebody_elses_appointment_is_theirs(diary: Diary) -> None:
    ann = await diary.book(at("09:00"), ANN)
    tom = await diary.book(at("10:00"), TOM)
    await write(
        diary,
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, appointment_id) "
        "VALUES ($1, 'in', '+442079460000', $2, 'C', $3)",
        TOM.phone,
        UUID(tom["appointment_id"]),
    )
    assert "text_in" not in await kinds(diary, UUID(ann["contact_id"]))
    assert "text_in" in await kinds(diary, UUID(tom["contact_id"]))


async def test_a_call_of_the_number_is_everybodys_until_it_is_somebodys(diary: Diary) -> None:
    ann = UUID((await diary.book(at("09:00"), ANN))["contact_id"])
    tom = UUID((await diary.book(at("10:00"), TOM))["contact_id"])
    call = "INSERT INTO calls (org_id, call_id, caller_phone, started_at) VALUES ($1, 'x', $2, $3)"
    await write(diary, call, ANN.phone, NOW)
    assert "call" in await kinds(diary, ann)
    assert "call" in await kinds(diary, tom)
    await write(diary, "UPDATE calls SET lead_id = $2 WHERE org_id = $1", tom)
    assert "call" not in await kinds(diary, ann)
    assert "call" in await kinds(diary, tom)


async def test_what_went_out_says_how_it_stands_and_what_it_said(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN, patient_email="ann@a.example")
    appointment = UUID(booked["appointment_id"])
    await write(
        diary,
        "UPDATE deliveries SET status = 'failed', error = 'The carrier refused it', attempts = 2 "
        "WHERE org_id = $1 AND kind = 'email_confirmation'",
    )
    await write(
        diary, "UPDATE deliveries SET due_at = 'infinity' WHERE org_id = $1 AND kind = 'calendar'"
    )
    await write(
        diary,
        "INSERT INTO texts (org_id, direction, our_number, their_number, body, appointment_id, "
        "kind, version) "
        "VALUES ($1, 'out', '+442079460000', $2, 'You are booked', $3, 'sms_confirmation', 1)",
        ANN.phone,
        appointment,
    )
    items = await timeline(diary, UUID(booked["contact_id"]))
    assert "text_out" not in {item["kind"] for item in items}
    sent = {item["message"]: item for item in items if item["kind"] == "delivery"}
    assert sent["sms_confirmation"]["body"] == "You are booked"
    assert sent["sms_confirmation"]["next_try_at"] is not None
    email = sent["email_confirmation"]
    assert (email["state"], email["error"], email["body"]) == (
        "failed",
        "The carrier refused it",
        None,
    )
    assert sent["calendar"]["parked"] is True
    assert sent["calendar"]["appointment_id"] == str(appointment)


async def test_a_booking_keeps_the_time_it_was_made_for(diary: Diary) -> None:
    booked = await diary.book(at("09:00"), ANN)
    await diary.set_clock(NOW + MINUTE)
    for minute, clock in enumerate(("11:00", "13:00"), 1):
        await diary.set_clock(NOW + minute * MINUTE)
        await diary.move(booked, at(clock), source="staff")
    items = await timeline(diary, UUID(booked["contact_id"]))
    (first,) = [item for item in items if item["kind"] == "booked"]
    assert (first["scheduled_at"][:19], first["state"]) == ("2027-06-08T08:00:00", "confirmed")
    moves = [item for item in items if item["kind"] == "moved"]
    assert [move["to"][:19] for move in moves] == ["2027-06-08T10:00:00", "2027-06-08T12:00:00"]


async def test_a_message_by_name_is_that_persons(diary: Diary) -> None:
    ann = UUID((await diary.book(at("09:00"), ANN))["contact_id"])
    tom = UUID((await diary.book(at("10:00"), TOM))["contact_id"])
    for name in ("tom taylor", "Somebody Else", None):
        await diary.call("take_message", body=f"From {name}", name=name, callback_phone=ANN.phone)
    said = {
        lead: {i["body"] for i in await timeline(diary, lead) if i["kind"] == "message"}
        for lead in (ann, tom)
    }
    assert said[ann] == {"From Somebody Else", "From None"}
    assert said[tom] == {"From tom taylor", "From Somebody Else", "From None"}


async def test_who_is_merged_is_on_one_timeline_with_the_merge(diary: Diary) -> None:
    ann = await a_full_life(diary, ANN)
    bob = await a_full_life(diary, BOB, NOW + MINUTE, "19:00")
    eve = await a_full_life(diary, EVE, NOW + 2 * MINUTE, "20:00")
    apart = [await timeline(diary, lead) for lead in (ann, bob, eve)]
    merged = await diary.call("merge_leads", lead_id=bob, other_id=eve, staff_id=None)
    assert code(merged) is None
    together = await timeline(diary, bob)
    assert {i["key"] for i in together} - {i["key"] for i in apart[1] + apart[2]} == {
        f"8-change-{merged['change_id']}"
    }
    assert len(together) == len(apart[1]) + len(apart[2]) + 1
    assert await timeline(diary, eve) == together
    assert await timeline(diary, ann) == apart[0]
    await diary.set_clock(NOW + 3 * MINUTE)
    await diary.call("undo_lead_change", change_id=UUID(merged["change_id"]), staff_id=None)
    last = (await timeline(diary, bob))[-1]
    assert (last["kind"], last["change"], last["other_name"]) == (
        "lead_change_undone",
        "merge",
        "Eve Miller",
    )
    assert len(await timeline(diary, bob)) == len(apart[1]) + 2


async def test_nobody_has_no_timeline(diary: Diary) -> None:
    assert code(await diary.call("lead_timeline", lead_id=uuid4())) == "NOT_FOUND"
    assert code(await diary.call("lead_view", lead_id=uuid4())) == "NOT_FOUND"


async def test_the_page_beside_it(diary: Diary) -> None:
    practitioner = await diary.practitioner("Dr Grey")
    ann = await a_full_life(diary, ANN)
    await diary.book(at("14:00"), ANN, practitioner_id=practitioner)
    tom = UUID((await diary.book(at("15:00"), TOM))["contact_id"])
    view = await diary.call("lead_view", lead_id=ann)
    assert view["lead"]["email"] == "a@b.example"
    assert "person" not in view["lead"]
    assert (view["history"]["cancellations"], view["history"]["visits"]) == (1, 0)
    (next_,) = view["history"]["upcoming"]
    assert (next_["practitioner"], next_["service"]) == ("Dr Grey", "consultation")
    assert view["consent"]["kind"] == "opt_in"
    assert [person["lead_id"] for person in view["relations"]["household"]] == [str(tom)]
    assert (view["call_source"], view["score"], view["relations"]["changes"]) == (
        "inbound",
        None,
        [],
    )
    assert {wish["status"] for wish in view["waitlist"]} <= {"waiting", "offered"}
    assert len(view["waitlist"]) == 1
    assert len(view["appointments"]) == 2


async def test_what_an_erased_person_said_of_texts_is_told_by_the_number_they_come_back_with(
    diary: Diary,
) -> None:
    ann = UUID((await diary.book(at("10:00"), ANN))["contact_id"])
    await diary.call("save_consent", phone=ANN.phone, kind="opt_out", source="staff")
    erased = {"cancel_appointments": True, "actor": "owner@clinic.example"}
    assert code(await diary.call("erase_person", lead_id=ann, **erased)) is None
    back = UUID((await diary.book(at("12:00"), ANN))["contact_id"])
    (consent,) = [item for item in await timeline(diary, back) if item["kind"] == "opt_out"]
    assert consent["phone"] == ANN.phone

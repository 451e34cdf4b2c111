"""Text messages that go out: what is written down first, and what the vendor tells of them."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database
from tests.sql.diary import ANN, NOW, TOM, Diary, at, code
from tests.sql.texting import (
    OURS,
    Phone,
    claim,
    finish,
    give_account,
    hand_over,
    open_texting,
    send_all,
    write_down,
)


@pytest.fixture
async def diary(database: Database) -> Diary:
    return await open_texting(database)


async def told(diary: Diary, text: UUID, status: str, attempt: int = 1, **more: object) -> bool:
    """Whether the vendor's word changed something."""
    given: dict[str, object] = {"external_id": "SM1", **more}
    answer = await diary.call(
        "take_text_status", text_id=text, attempt=attempt, status=status, **given
    )
    assert answer["success"] is True, answer
    changed: bool = answer["changed"]
    return changed


async def delivery(diary: Diary, kind: str = "sms_confirmation") -> dict[str, Any]:
    row = await diary.owner.fetchrow("SELECT * FROM deliveries WHERE kind = $1", kind)
    assert row is not None
    return dict(row)


async def sent(diary: Diary) -> UUID:
    """A confirmation that Twilio has, as SM1."""
    await diary.book(at("10:00"))
    [row] = await claim(diary)
    return await hand_over(diary, row, "SM1")


# What a sender is given


async def test_the_details(diary: Diary) -> None:
    await diary.book(at("10:00"), contact_phone="+442079460111")
    await diary.call(
        "set_message_template", kind="sms_confirmation", language="en", body="Booked: {when}"
    )

    [row] = await claim(diary)

    details = row["details"]
    assert (details["to"], details["template"]) == ("+442079460111", "Booked: {when}")
    assert details["account"] == {
        "account_sid": "AC1",
        "number": OURS,
        "encrypted_token": "c2VjcmV0",
    }
    assert (details["opted_out"], details["text"]) == (False, None)
    assert len(details["link"]) == 16
    assert details["appointment"]["patient"]["name"] == ANN.name


async def test_a_reminder_has_its_template_whatever_its_hours(diary: Diary) -> None:
    await diary.book(at("10:00"))
    await send_all(diary)
    await diary.call("set_message_template", kind="sms_reminder", language="en", body="Soon")
    await diary.set_clock(at("10:30", NOW.date()))
    await diary.number("queue_reminders")

    [row] = await claim(diary)

    assert (row["kind"], row["details"]["template"]) == ("sms_reminder_24h", "Soon")


async def test_who_opted_out_is_known_and_whose_choice_it_is(diary: Diary) -> None:
    await diary.book(at("09:00"), ANN)
    await diary.book(at("10:00"), TOM)
    phone = Phone(diary)
    await phone.answer("X")
    await phone.answer("STOP")

    rows = {row["kind"]: row["details"] for row in await claim(diary)}

    assert {details["opted_out"] for details in rows.values()} == {True}
    named = [each["patient"]["name"] for each in rows["sms_reply"]["choices"]]
    assert (named, rows["sms_reply"]["answer"]) == ([ANN.name, TOM.name], "which")


# Written down before it is sent


async def test_nothing_is_written_down_for_an_attempt_that_is_over(diary: Diary) -> None:
    await diary.book(at("10:00"))
    [row] = await claim(diary)
    assert await write_down(diary, {**row, "attempt": 2}) is None
    assert await write_down(diary, row) is not None
    await finish(diary, row, "failed")

    assert await write_down(diary, row) is None


async def test_one_text_a_delivery_however_often_it_is_tried(diary: Diary) -> None:
    await diary.book(at("10:00"))
    [row] = await claim(diary)
    first = await write_down(diary, row, "One")
    await finish(diary, row, "queued")
    [again] = await claim(diary)

    assert await write_down(diary, again, "Two") == first

    [text] = await diary.owner.fetch("SELECT * FROM texts")
    assert (text["body"], text["attempt"], text["external_id"]) == ("Two", 2, None)


async def test_a_vendors_id_is_one_texts(diary: Diary) -> None:
    await diary.book(at("09:00"), ANN)
    await diary.book(at("10:00"), TOM)
    first, second = await claim(diary)
    text = await hand_over(diary, first, "SM1")
    other = await write_down(diary, second)
    record = "SELECT record_sent_text($1, $2, $3, $4)"

    for about, attempt, sid, ours in (
        (other, 1, "SM1", False),
        (text, 1, "SM1", True),
        (text, 1, "SM2", False),
        (other, 2, "SM2", False),
        (other, 1, "SM2", True),
    ):
        assert await diary.api.fetchval(record, diary.org_id, about, attempt, sid) is ours


# What became of it


async def test_delivered(diary: Diary) -> None:
    text = await sent(diary)
    assert [await told(diary, text, each) for each in ("queued", "sent", "delivered")] == [True] * 3

    row = await delivery(diary)

    assert (row["status"], row["external_id"]) == ("delivered", "SM1")
    assert len(await diary.events("delivery_delivered")) == 1


async def test_late_twice_and_in_another_order(diary: Diary) -> None:
    text = await sent(diary)
    order = ("sent", "queued", "sent", "delivered", "delivered", "sent", "failed", "undelivered")

    changed = [await told(diary, text, each) for each in order]

    assert changed == [True, False, False, True, False, False, False, False]
    assert (await delivery(diary))["status"] == "delivered"
    assert await diary.count("alerts") == 0


async def test_undelivered_is_a_failure_that_staff_see(diary: Diary) -> None:
    text = await sent(diary)

    for _ in range(2):
        await told(diary, text, "undelivered", error_code="30003", error="The phone was off.")
    await told(diary, text, "delivered")

    row = await delivery(diary)
    assert (row["status"], row["error_code"], row["error"]) == (
        "failed",
        "30003",
        "The phone was off.",
    )
    assert await diary.owner.fetchval("SELECT kind FROM alerts") == "delivery_failed"
    assert await diary.count("alerts") == 1


async def test_the_carrier_knows_of_an_opt_out(diary: Diary) -> None:
    text = await sent(diary)

    await told(diary, text, "undelivered", error_code="21610", error="Opted out.")

    assert await Phone(diary).consents() == [("opt_out", None, "carrier")]


async def test_a_word_of_an_earlier_attempt_or_of_another_message(diary: Diary) -> None:
    text = await sent(diary)
    await told(diary, text, "failed", error_code="30008", error="Not delivered.")
    subject = (await delivery(diary))["subject_id"]
    await diary.call("retry_delivery", subject_id=subject, kind="sms_confirmation")
    [row] = await claim(diary)
    assert await write_down(diary, row) == text

    assert await told(diary, text, "delivered", attempt=1) is False
    assert await told(diary, text, "sent", attempt=2, external_id="SM2") is True
    assert await told(diary, text, "delivered", attempt=2, external_id="SM1") is False
    assert (await delivery(diary))["status"] == "sending"


async def test_the_word_may_come_before_the_answer(diary: Diary) -> None:
    """Delivered, while the request that sent it still waits for its answer."""
    await diary.book(at("10:00"))
    [row] = await claim(diary)
    text = await write_down(diary, row)
    assert text is not None

    assert await told(diary, text, "delivered")
    await finish(diary, row, "sent", "SM1")

    assert (await delivery(diary))["status"] == "delivered"


async def test_the_word_settles_what_was_in_doubt(diary: Diary) -> None:
    await diary.book(at("10:00"))
    [row] = await claim(diary)
    text = await write_down(diary, row)
    assert text is not None
    await diary.owner.execute("UPDATE deliveries SET status='queued' WHERE kind LIKE 'sms%'")

    assert await told(diary, text, "queued")

    row = await delivery(diary)
    assert (row["status"], row["uncertain"], row["external_id"]) == ("sent", False, "SM1")


async def test_words_about_nothing(diary: Diary) -> None:
    text = await sent(diary)
    given: dict[str, object] = {
        "text_id": text,
        "attempt": 1,
        "external_id": "SM1",
        "status": "delivered",
    }

    for changes, expected in (
        ({"text_id": UUID(int=9)}, "NOT_FOUND"),
        ({"status": "eaten"}, "INVALID_ARGUMENTS"),
        ({"status": None}, "INVALID_ARGUMENTS"),
        ({"external_id": ""}, "INVALID_ARGUMENTS"),
        ({"attempt": None}, "INVALID_ARGUMENTS"),
    ):
        refused = await diary.call("take_text_status", **{**given, **changes})
        assert code(refused) == expected
    assert (await delivery(diary))["status"] == "sent"


# The account and the words


async def test_the_account_is_shown_without_its_token(diary: Diary) -> None:
    shown = await diary.call("sms_account")

    assert (shown["account"]["account_sid"], shown["account"]["version"]) == ("AC1", 1)
    assert "token" not in json.dumps(shown)
    assert (await diary.call("remove_sms_account"))["removed"] is True
    assert (await diary.call("sms_account"))["account"] is None
    assert (await diary.call("remove_sms_account"))["removed"] is False


async def test_an_account_that_is_set_again_sets_going_what_waited(diary: Diary) -> None:
    await diary.book(at("10:00"))
    await diary.owner.execute("UPDATE deliveries SET due_at = 'infinity' WHERE channel = 'sms'")
    assert await claim(diary) == []

    assert (await give_account(diary))["account"]["version"] == 2

    assert len(await claim(diary)) == 1


async def test_an_account_that_makes_no_sense_is_refused(diary: Diary) -> None:
    sound: dict[str, object] = {"account_sid": "AC1", "encrypted_token": b"x", "number": OURS}
    for changes, expected in (
        ({"number": "VERIZON"}, "INVALID_PHONE"),
        ({"account_sid": "../AC1"}, "INVALID_ARGUMENTS"),
        ({"account_sid": None}, "INVALID_ARGUMENTS"),
        ({"encrypted_token": b""}, "INVALID_ARGUMENTS"),
    ):
        assert code(await diary.call("set_sms_account", **{**sound, **changes})) == expected
    diary.org_id = UUID(int=9)
    assert code(await diary.call("set_sms_account", **sound)) == "INVALID_ORGANIZATION"


async def test_a_clinics_own_words(diary: Diary) -> None:
    about = {"kind": "sms_change", "language": "de"}
    assert (await diary.call("message_template", **about))["body"] is None

    first = await diary.call("set_message_template", **about, body="Neu: {when}", version=0)
    assert (first["body"], first["version"]) == ("Neu: {when}", 1)
    stale = await diary.call("set_message_template", **about, body="x", version=0)
    assert (code(stale), stale["version"]) == ("STALE_VERSION", 1)
    assert (await diary.call("set_message_template", **about, body="Y"))["version"] == 2
    assert (await diary.call("set_message_template", **about, body=None))["body"] is None
    wrong: list[dict[str, object]] = [
        {"kind": "email"},
        {"language": "DE"},
        {"body": ""},
        {"body": "x" * 1601},
    ]
    for changes in wrong:
        refused = await diary.call("set_message_template", **{**about, "body": "x", **changes})
        assert code(refused) == "INVALID_ARGUMENTS"


async def test_the_conversation_with_a_number(diary: Diary) -> None:
    await diary.book(at("10:00"))
    await send_all(diary)
    await Phone(diary).text("C")
    await Phone(diary, "+442079460111").text("hello")

    items = (await diary.call("list_texts", phone=ANN.phone))["items"]

    assert {(item["direction"], item["kind"]) for item in items} == {
        ("out", "sms_confirmation"),
        ("in", None),
        ("out", "sms_reply"),
    }
    assert len((await diary.call("list_texts"))["items"]) == 5

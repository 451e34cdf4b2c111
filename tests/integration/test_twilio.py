"""Text messages through a stand-in of Twilio: one a delivery, whatever the network does."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.database import HOUR, START, Database
from tests.fakes import fault_proxy as faults
from tests.fakes.emulate import Emulate
from tests.fakes.fault_proxy import Fault
from tests.integration.clinics import settings_for
from tests.integration.texting import NUMBER, Texting, open_texting, twilio_error
from voxanne.deliveries.console import ConsoleSender, Message
from voxanne.deliveries.twilio import PAGE_SIZE, TwilioSender
from voxanne.outbox.types import Delivery
from voxanne.work import create_senders

ANN = "+442079460958"  # whom Database.book books for
TABLE = [
    faults.black_hole(),
    faults.black_hole(forwarded=True),
    faults.reset_before(),
    faults.reset_after(),
    faults.status(429, {"Retry-After": "7"}, twilio_error(20429, 429)),
    faults.status(500),
    faults.status_after(500),
    faults.status(503, {"Retry-After": "7"}),
    faults.half_body(),
    faults.html(),
    faults.html(forwarded=True),
    faults.html(404),
    faults.skewed_date(300),
    faults.skewed_date(-300),
]
REFUSALS = [
    (faults.status(401, body=twilio_error(20003, 401)), "queued", "access_refused"),
    (faults.status(403, body=twilio_error(20003, 403)), "queued", "access_refused"),
    (faults.status(404, body=twilio_error(20404, 404)), "queued", "access_refused"),
    (faults.status(409, body=twilio_error(20409, 409)), "failed", "20409"),
    (faults.status(410, body=twilio_error(20410, 410)), "failed", "20410"),
    (faults.status(412, body=twilio_error(20412, 412)), "failed", "20412"),
    (faults.status(400, body=twilio_error(21211, 400)), "failed", "21211"),
    (faults.status(400, body=twilio_error(21614, 400)), "failed", "21614"),
    (faults.status(400, body=twilio_error(21408, 400)), "failed", "21408"),
    (faults.status(400, body=twilio_error(21610, 400)), "voided", "21610"),
]
named = partial(pytest.mark.parametrize, ids=lambda value: getattr(value, "name", None))


@pytest.fixture
async def texting(database: Database, emulate: Emulate) -> AsyncIterator[Texting]:
    async with open_texting(database, emulate) as opened:
        yield opened


async def test_a_confirmation(texting: Texting) -> None:
    appointment = await texting.book()

    await texting.settle()

    [message] = await texting.twilio.messages()
    assert (message["to"], message["from"]) == (ANN, NUMBER)
    assert message["body"].startswith("Harbor Dental: your appointment is booked for Monday")
    assert "Reply C to confirm, R to reschedule, X to cancel: https://book" in message["body"]
    row = await texting.delivery()
    assert (row["status"], row["external_id"]) == ("sent", message["sid"])
    owner = await texting.database.owner()
    [text] = await owner.fetch("SELECT * FROM texts")
    assert (text["body"], text["external_id"]) == (message["body"], message["sid"])
    assert (text["appointment_id"], text["their_number"]) == (appointment, ANN)


@named("fault", TABLE)
async def test_one_message_whatever_happens_to_the_request(texting: Texting, fault: Fault) -> None:
    await texting.book()
    texting.proxy.plan(fault)

    await texting.settle()

    [message] = await texting.twilio.messages()
    row = await texting.delivery()
    assert (row["status"], row["external_id"]) == ("sent", message["sid"])
    assert row["uncertain"] is False


@named("fault", TABLE)
async def test_one_message_whatever_happens_to_the_look_up(texting: Texting, fault: Fault) -> None:
    await texting.book()
    texting.proxy.plan(faults.reset_after(), fault, faults.reset_before(), fault)

    await texting.settle()

    [message] = await texting.twilio.messages()
    row = await texting.delivery()
    assert (row["status"], row["external_id"]) == ("sent", message["sid"])


async def test_without_looking_up_there_would_be_two(
    texting: Texting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the two tests above would prove nothing."""

    async def believe_that_it_was_not_sent(_sender: TwilioSender, _delivery: Delivery) -> None:
        return None

    monkeypatch.setattr(TwilioSender, "look_up", believe_that_it_was_not_sent)
    await texting.book()
    texting.proxy.plan(faults.reset_after())

    await texting.settle()

    assert len(await texting.twilio.messages()) == 2


@named(("fault", "state", "code"), REFUSALS)
async def test_what_twilio_refuses_is_seen(
    texting: Texting, fault: Fault, state: str, code: str
) -> None:
    await texting.book()
    texting.proxy.plan(fault)

    await texting.settle()

    row = await texting.delivery()
    assert (row["status"], row["error_code"]) == (state, code)
    assert row["error"].endswith(".")
    assert ANN[-6:] not in row["error"]
    assert await texting.twilio.messages() == []
    told = {"queued": ["sms_broken"], "failed": ["delivery_failed"], "voided": []}
    assert await texting.alerts() == told[state]


async def test_what_is_never_known_is_given_up_and_seen(texting: Texting) -> None:
    await texting.book()
    texting.proxy.plan(faults.reset_after(), *[faults.reset_before()] * 30)

    await texting.settle()

    assert (await texting.delivery())["status"] == "failed"
    assert len(await texting.twilio.messages()) == 1
    assert await texting.alerts() == ["delivery_failed"]


async def test_a_look_up_without_access_sends_nothing_twice(texting: Texting) -> None:
    await texting.book()
    refused = faults.status(401, body=twilio_error(20003, 401))
    texting.proxy.plan(faults.reset_after(), refused, refused)

    await texting.settle()

    assert len(await texting.twilio.messages()) == 1
    assert (await texting.delivery())["status"] == "sent"
    assert await texting.alerts() == ["sms_broken"]


async def test_two_texts_of_the_same_words_are_two(texting: Texting) -> None:
    """A household's, in doubt at once: neither is taken for the other."""
    await texting.execute(
        "INSERT INTO message_templates (org_id, kind, language, body) "
        "VALUES ($1, 'sms_confirmation', 'en', 'Booked.')",
        texting.org_id,
    )
    await texting.book()
    await texting.settle()
    await texting.book(patient_name="Tom Taylor", scheduled_at=START + HOUR)
    texting.proxy.plan(faults.reset_before())

    await texting.settle()

    messages = await texting.twilio.messages()
    assert [message["body"] for message in messages] == ["Booked."] * 2
    rows = await texting.deliveries()
    assert {row["external_id"] for row in rows} == {message["sid"] for message in messages}


async def test_a_worker_that_died_after_sending(texting: Texting) -> None:
    """Between Twilio's answer and its being stored; and before Twilio was asked at all."""
    await texting.book()
    sender = texting.worker.senders["sms"]
    [delivery] = (await texting.worker.claim("sms", 1)).deliveries
    await sender.send(delivery)
    await texting.execute("UPDATE texts SET external_id = NULL")
    await texting.book(patient_name="Tom Taylor", scheduled_at=START + HOUR)
    assert len((await texting.worker.claim("sms", 1)).deliveries) == 1

    await texting.execute(
        "UPDATE deliveries SET due_at = current_moment() WHERE status = 'sending'"
    )
    await texting.settle()

    assert len(await texting.twilio.messages()) == 2
    assert {row["status"] for row in await texting.deliveries()} == {"sent"}


async def test_a_worker_whose_lease_ran_out_sends_nothing(texting: Texting) -> None:
    await texting.book()
    [late] = (await texting.worker.claim("sms", 1)).deliveries
    await texting.execute("UPDATE deliveries SET due_at = current_moment() WHERE channel = 'sms'")
    await texting.settle()

    await texting.worker.senders["sms"].send(late)

    assert len(await texting.twilio.messages()) == 1


async def test_not_listed_is_not_believed_at_once(database: Database, emulate: Emulate) -> None:
    async with open_texting(database, emulate, settle_seconds=3600.0) as texting:
        await texting.book()
        texting.proxy.plan(faults.reset_before())
        await texting.worker.drain()
        await texting.execute("UPDATE deliveries SET due_at = current_moment()")

        await texting.worker.drain()

        row = await texting.delivery()
        assert (row["status"], row["error_code"], row["uncertain"]) == (
            "queued",
            "not_listed_yet",
            True,
        )
        assert row["due_at"] > datetime.now(UTC) + timedelta(minutes=50)
        await texting.execute("UPDATE texts SET tried_at = tried_at - interval '1 hour'")
        await texting.settle()
        assert len(await texting.twilio.messages()) == 1


async def test_a_look_up_goes_through_the_pages(texting: Texting) -> None:
    await texting.book()
    texting.proxy.plan(faults.reset_after())
    await texting.worker.drain()
    for number in range(PAGE_SIZE):
        await texting.twilio.send(ANN, f"{number}")

    await texting.settle()

    messages = await texting.twilio.messages()
    assert len(messages) == 1 + PAGE_SIZE
    assert (await texting.delivery())["external_id"] == messages[0]["sid"]


async def test_a_trial_account_puts_words_before_ours(texting: Texting) -> None:
    await texting.book()
    texting.proxy.plan(faults.reset_before())
    await texting.worker.drain()
    body = await (await texting.database.owner()).fetchval("SELECT body FROM texts")
    await texting.twilio.send(ANN, f"Sent from your Twilio trial account - {body}")

    await texting.settle()

    [message] = await texting.twilio.messages()
    assert (await texting.delivery())["external_id"] == message["sid"]


async def test_other_clinics_go_on(texting: Texting) -> None:
    """One whose token was changed at Twilio: its messages wait, and go when it is set again."""
    other = await texting.database.organization(name="There")
    await texting.set_account(other, token="wrong")
    await texting.book(other)
    await texting.book()

    await texting.settle()

    states = {row["org_id"]: row["status"] for row in await texting.deliveries()}
    assert states == {texting.org_id: "sent", other: "queued"}
    assert await texting.alerts() == ["sms_broken"]
    await texting.set_account(other)
    await texting.settle()
    assert {row["status"] for row in await texting.deliveries()} == {"sent"}
    assert len(await texting.twilio.messages()) == 2


async def test_a_token_of_other_keys_waits(texting: Texting) -> None:
    await texting.execute("UPDATE sms_accounts SET encrypted_token = 'x'")
    await texting.book()

    await texting.settle()

    row = await texting.delivery()
    assert (row["status"], row["error_code"]) == ("queued", "token_unreadable")


# Who is to have none, and when


async def test_who_opted_out_gets_none(texting: Texting) -> None:
    await texting.book()
    await texting.execute(
        "INSERT INTO consents (org_id, phone, kind, source) VALUES ($1, $2, 'opt_out', 'text')",
        texting.org_id,
        ANN,
    )

    await texting.settle()

    row = await texting.delivery()
    assert (row["status"], row["error_code"]) == ("voided", "opted_out")
    assert await texting.twilio.messages() == []


async def test_without_an_account(database: Database, emulate: Emulate) -> None:
    """In production they are off; elsewhere somebody else has them."""
    printed: list[str] = []

    def write(delivery: object) -> Message:
        printed.append(type(delivery).__name__)
        return Message(ANN, "Hello", 1)

    for other, state in ((None, "voided"), (ConsoleSender(write), "sent")):
        async with open_texting(database, emulate, without_account=other) as texting:
            await texting.execute("DELETE FROM deliveries")
            await texting.execute("DELETE FROM sms_accounts")
            await texting.book()
            await texting.settle()
            assert (await texting.delivery())["status"] == state
    assert printed == ["Delivery"]


@pytest.mark.parametrize(("env", "printed"), [("development", True), ("production", False)])
async def test_only_production_keeps_silent_without_an_account(
    texting: Texting, env: str, printed: bool
) -> None:
    settings = settings_for(texting.database.owner_url, env=env)

    sender = create_senders(settings, texting.pool, texting.fernet)["sms"]

    assert isinstance(sender, TwilioSender)
    assert (sender.without_account is not None) == printed
    await sender.client.aclose()


NEW_YORK = "+12125550100"


@pytest.mark.parametrize(
    ("phone", "clock", "state", "code"),
    [
        (ANN, "2027-03-01T09:59:00+00:00", "sent", None),
        (ANN, "2027-02-28T21:30:00+00:00", "queued", "quiet_hours"),
        (NEW_YORK, "2027-03-01T09:59:00+00:00", "queued", "quiet_hours"),
        (NEW_YORK, "2027-03-01T14:00:00+00:00", "sent", None),
    ],
)
async def test_reminders_wait_for_the_morning_where_the_patient_lives(
    database: Database, emulate: Emulate, phone: str, clock: str, state: str, code: str | None
) -> None:
    now = datetime.fromisoformat(clock)
    booked_at = now - timedelta(days=3)
    async with open_texting(database, emulate, now=booked_at) as texting:
        await texting.execute("DELETE FROM opening_hours")
        # A day ahead, so that the reminder is due now; its time lapses half a day later.
        await texting.book(scheduled_at=now + timedelta(hours=23, minutes=59), patient_phone=phone)
        await database.set_clock(now)
        await texting.execute("DELETE FROM deliveries")
        await texting.pool.fetch_value("SELECT queue_reminders($1)", texting.org_id)

        await texting.worker.drain()

        row = await texting.delivery("sms_reminder_24h")
        assert (row["status"], row["error_code"]) == (state, code)
        if state == "queued":
            assert now + timedelta(hours=1) < row["due_at"] < now + timedelta(hours=12)


async def test_a_reminder_that_would_come_too_late_comes_never(
    database: Database, emulate: Emulate
) -> None:
    now = datetime.fromisoformat("2027-03-01T05:30:00+00:00")
    async with open_texting(database, emulate, now=now - timedelta(days=3)) as texting:
        await texting.execute("DELETE FROM opening_hours")
        await texting.book(scheduled_at=now + timedelta(hours=2))
        await database.set_clock(now)
        await texting.execute("DELETE FROM deliveries")
        await texting.pool.fetch_value("SELECT queue_reminders($1)", texting.org_id)

        await texting.worker.drain()

        row = await texting.delivery("sms_reminder_2h")
        assert (row["status"], row["error_code"]) == ("voided", "quiet_hours")

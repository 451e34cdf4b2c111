"""What is asked of Twilio and Google is valid by their own OpenAPI descriptions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.database import HOUR, START, Database
from tests.fakes import fault_proxy as faults
from tests.fakes.emulate import Emulate
from tests.fakes.google_calendar import CALENDAR_PATH
from tests.fakes.node import MissingError
from tests.fakes.prism import GOOGLE, TWILIO, UNAVAILABLE, Prism
from tests.integration.google_clinic import event_id, google_clinic, staff_move
from tests.integration.texting import ACCOUNT, NUMBER, TOKEN, open_texting
from voxanne.deliveries.http import open_client
from voxanne.deliveries.twilio import TwilioSender
from voxanne.outbox.worker import Worker

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
EVENTS = "/calendars/primary/events"
BASIC: dict[str, Any] = {"auth": (ACCOUNT, TOKEN)}
BEARER: dict[str, Any] = {"headers": {"Authorization": "Bearer a-token"}}


@pytest.fixture(scope="module")
def prism() -> Iterator[Prism]:
    try:
        with Prism() as running:
            yield running
    except MissingError as error:
        pytest.skip(f"{UNAVAILABLE}: {error}")


async def test_a_text_message_and_its_look_up(
    prism: Prism, database: Database, emulate: Emulate
) -> None:
    async with (
        open_texting(database, emulate, public_url="https://clinic.test") as texting,
        open_client() as client,
    ):
        gate = prism.stand_before(texting.proxy.url, TWILIO)
        gate.watch(client)
        sender = texting.worker.senders["sms"]
        assert isinstance(sender, TwilioSender)
        sender = replace(sender, client=client, base_url=gate.url)
        texting.worker = Worker(texting.pool, {"sms": sender})

        await texting.book()
        await texting.settle()
        texting.proxy.plan(faults.reset_after())
        await texting.book(scheduled_at=START + HOUR)
        await texting.settle()

        assert {row["status"] for row in await texting.deliveries()} == {"sent"}
    assert gate.breaks == []
    assert gate.seen[0] == ("POST", 201)
    assert gate.seen[-1] == ("GET", 200)


async def test_an_events_life(prism: Prism, database: Database) -> None:
    async with google_clinic(database, public_url="https://clinic.test") as clinic:
        gate = prism.stand_before(clinic.fake.url + CALENDAR_PATH, GOOGLE)
        gate.watch(clinic.google.http)
        client = replace(clinic.google.client, calendar_url=gate.url)
        clinic.google = replace(clinic.google, client=client)
        await clinic.connect()
        booked = await clinic.book()
        await clinic.deliver()
        await clinic.read_calendars()
        staff_move(clinic.fake.calendar(), event_id(booked), START + HOUR, START + 2 * HOUR)
        await clinic.read_calendars()
        await clinic.move(booked, START + 3 * HOUR)
        await clinic.deliver()
        await clinic.value("UPDATE calendar_connections SET channel_expires_at = now()")
        await clinic.read_calendars()
        await clinic.cancel(booked)
        await clinic.deliver()

        exchanges = clinic.fake.exchanges
        assert clinic.events == {}
    assert gate.breaks == []
    assert gate.seen == [(each.method, each.status) for each in exchanges]
    one = f"{EVENTS}/{event_id(booked)}"
    assert {(each.method, each.path) for each in exchanges} == {
        ("POST", EVENTS),
        ("GET", one),
        ("PATCH", one),
        ("DELETE", one),
        ("GET", EVENTS),
        ("POST", f"{EVENTS}/watch"),
        ("POST", "/channels/stop"),
    }
    assert any("syncToken" in each.query for each in exchanges)


@pytest.mark.parametrize(
    ("description", "method", "path", "options", "place"),
    [
        (TWILIO, "POST", MESSAGES, {**BASIC, "data": {"From": NUMBER, "Body": "Hello"}}, '"body"'),
        (TWILIO, "GET", MESSAGES, {**BASIC, "params": {"PageSize": "5000"}}, '"query","pagesize"'),
        (TWILIO, "GET", MESSAGES, {}, '"request"'),
        (TWILIO, "GET", MESSAGES.replace(ACCOUNT, "AC1"), BASIC, '"path","accountsid"'),
        (TWILIO, "GET", MESSAGES.replace("Messages", "Mesages"), BASIC, '"request"'),
        (GOOGLE, "POST", EVENTS, {**BEARER, "json": {"start": {"dateTime": 5}}}, '"dateTime"'),
        (GOOGLE, "GET", EVENTS, {**BEARER, "params": {"maxResults": "all"}}, '"maxresults"'),
        (GOOGLE, "PATCH", f"{EVENTS}/e", {"json": {}}, '"request"'),
        (GOOGLE, "PUT", f"{EVENTS}/e", {**BEARER, "json": {}}, '"request"'),
    ],
    ids=[
        "twilio_body_without_to",
        "twilio_page_too_large",
        "twilio_without_password",
        "twilio_account_of_no_form",
        "twilio_no_such_path",
        "google_time_that_is_a_number",
        "google_page_of_no_size",
        "google_without_token",
        "google_no_such_method",
    ],
)
async def test_the_gate_sees_what_isnt_valid(
    prism: Prism,
    emulate: Emulate,
    description: Path,
    method: str,
    path: str,
    options: dict[str, Any],
    place: str,
) -> None:
    gate = prism.stand_before(emulate.url, description)
    async with httpx2.AsyncClient() as client:
        gate.watch(client)
        await client.request(method, gate.url + path, **options)
    [broken] = gate.breaks
    assert place in broken

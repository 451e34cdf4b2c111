"""What Twilio tells us: signed, late, twice, in another order, and forged."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from twilio.request_validator import RequestValidator

from tests.database import Database
from tests.fakes.emulate import Emulate
from tests.integration.clinics import NOW, Api, running_api
from tests.integration.texting import ACCOUNT, NUMBER, TOKEN, Texting, open_texting
from voxanne.inbound.callbacks.twilio import BODY_BYTES_MAX, NOTHING_TO_SAY

ANN = "+442079460958"
PUBLIC = "https://book.example.com"


@dataclass
class Callbacks:
    """The API with a clinic that texts; posts as Twilio would."""

    api: Api
    public_url: str | None

    @property
    def org_id(self) -> UUID:
        return self.api.clinic.id

    async def post(
        self,
        what: str,
        fields: Mapping[str, str],
        *,
        token: str = TOKEN,
        org_id: object = None,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        path = f"/callbacks/twilio/{org_id or self.org_id}/{what}"
        address = (self.public_url or "http://clinic.test") + path
        signed = RequestValidator(token).compute_signature(address, dict(fields))
        sent = {"X-Twilio-Signature": signed if signature is None else signature}
        return await self.api.http.post(
            path, data=dict(fields), headers={**sent, **(headers or {})}
        )

    async def text(self, body: str = "X", **changes: str) -> httpx2.Response:
        return await self.post("message", message(body, **changes))

    async def rows(self, table: str) -> list[dict[str, Any]]:
        owner = await self.api.database.owner()
        return [dict(row) for row in await owner.fetch(f"SELECT * FROM {table}")]

    async def book(self) -> UUID:
        owner = await self.api.database.owner()
        booking = await self.api.database.book(
            owner, self.org_id, scheduled_at=NOW.replace(hour=15)
        )
        assert booking["success"] is True, booking
        return UUID(booking["appointment_id"])

    async def status(self, appointment: UUID) -> str:
        owner = await self.api.database.owner()
        found: str = await owner.fetchval(
            "SELECT status FROM appointments WHERE id = $1", appointment
        )
        return found


def message(body: str, **changes: str) -> dict[str, str]:
    """The fields of an inbound message, those we read and some we don't."""
    return {
        "AccountSid": ACCOUNT,
        "MessageSid": f"SM{uuid4().hex}",
        "SmsStatus": "received",
        "To": NUMBER,
        "From": ANN,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        **changes,
    }


@contextlib.asynccontextmanager
async def open_callbacks(database: Database, public_url: str | None) -> AsyncIterator[Callbacks]:
    async with running_api(database, public_url=public_url) as api:
        await api.pool.fetch_value(
            "SELECT set_sms_account($1, $2, $3, $4)",
            api.clinic.id,
            ACCOUNT,
            api.fernet.encrypt(TOKEN.encode()),
            NUMBER,
        )
        yield Callbacks(api, public_url)


@pytest.fixture
async def callbacks(database: Database) -> AsyncIterator[Callbacks]:
    async with open_callbacks(database, PUBLIC) as opened:
        yield opened


# Who may call


async def test_a_signed_message_is_taken_and_answered_with_nothing(callbacks: Callbacks) -> None:
    appointment = await callbacks.book()

    answer = await callbacks.text("x")

    assert (answer.status_code, answer.text) == (200, NOTHING_TO_SAY)
    assert answer.headers["content-type"].startswith("text/xml")
    assert await callbacks.status(appointment) == "cancelled"


async def test_without_a_public_address_the_requests_own_is_signed(database: Database) -> None:
    async with open_callbacks(database, None) as callbacks:
        assert (await callbacks.text()).status_code == 200


async def test_a_forged_message_changes_nothing(callbacks: Callbacks) -> None:
    appointment = await callbacks.book()
    other = await callbacks.api.database.organization(name="There")
    fields = message("X")
    genuine = (await callbacks.text("C")).request.headers["x-twilio-signature"]

    forged = [
        await callbacks.post("message", fields, token="guess"),
        await callbacks.post("message", fields, signature=""),
        await callbacks.post("message", fields, signature=genuine),
        await callbacks.post("message", {**fields, "AccountSid": "AC2"}),
        await callbacks.post("message", fields, org_id=other),
        await callbacks.post("message", fields, org_id=uuid4()),
        await callbacks.post("message", fields, org_id="nobody"),
        await callbacks.api.http.post(
            f"/callbacks/twilio/{callbacks.org_id}/message", content=b"\xff"
        ),
        await callbacks.api.http.post(f"/callbacks/twilio/{callbacks.org_id}/message"),
        await callbacks.api.http.post(
            f"/callbacks/twilio/{callbacks.org_id}/message", content="a=1&" * 300
        ),
    ]

    assert [answer.status_code for answer in forged] == [403] * len(forged)
    # Whether there is such a clinic isn't told.
    assert len({answer.text for answer in forged}) == 1
    assert await callbacks.status(appointment) == "confirmed"
    assert len([row for row in await callbacks.rows("texts") if row["direction"] == "in"]) == 1


async def test_a_replayed_message_is_taken_once(callbacks: Callbacks) -> None:
    fields = message("STOP")

    for _ in range(3):
        assert (await callbacks.post("message", fields)).status_code == 200

    assert [row["kind"] for row in await callbacks.rows("consents")] == ["opt_out"]
    assert len(await callbacks.rows("texts")) == 1


async def test_a_number_that_is_not_the_clinics_is_refused(callbacks: Callbacks) -> None:
    appointment = await callbacks.book()

    assert (await callbacks.text("X", To="+442079460001")).status_code == 404

    assert await callbacks.status(appointment) == "confirmed"


async def test_senders_that_are_no_number_are_let_be(callbacks: Callbacks) -> None:
    assert (await callbacks.text("X", From="VERIZON")).status_code == 200
    assert (await callbacks.text("X", From="72975")).status_code == 200
    assert await callbacks.rows("texts") == []


async def test_a_body_without_end(callbacks: Callbacks) -> None:
    answer = await callbacks.text("x" * BODY_BYTES_MAX)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", ["", "\x00", "👍" * 700, "é" * 1600, "{clinic}", "'; --"])
async def test_whatever_is_texted_is_taken(callbacks: Callbacks, body: str) -> None:
    assert (await callbacks.text(body)).status_code == 200
    assert len(await callbacks.rows("texts")) == 2  # and what we answer


async def test_what_twilio_took_for_an_opt_out_is_one(callbacks: Callbacks) -> None:
    await callbacks.text("laissez-moi", OptOutType="STOP")
    await callbacks.text("oui", OptOutType="START")

    assert [row["kind"] for row in await callbacks.rows("consents")] == ["opt_out", "opt_in"]


async def test_statuses_of_nothing(callbacks: Callbacks) -> None:
    fields = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "MessageStatus": "delivered"}

    for what in (
        "status",
        "status?text=1&attempt=1",
        f"status?text={uuid4()}&attempt=1",
        f"status?text={uuid4()}&attempt=x",
    ):
        assert (await callbacks.post(what, fields)).status_code == 404


# With the stand-in: it signs, calls, and waits for us before it answers


@dataclass
class Both:
    """The API behind a socket, and a worker that sends through the stand-in."""

    api: Api
    texting: Texting

    @property
    def address(self) -> str:
        return str(self.api.http.base_url).rstrip("/")


@pytest.fixture
async def both(database: Database, emulate: Emulate) -> AsyncIterator[Both]:
    async with running_api(database, on_socket=True) as api:
        address = str(api.http.base_url).rstrip("/")
        opening = open_texting(
            database, emulate, public_url=address, fernet=api.fernet, clinic=api.clinic.id
        )
        async with opening as texting:
            yield Both(api, texting)


async def test_a_whole_conversation(both: Both) -> None:
    texting = both.texting
    callback = f"{both.address}/callbacks/twilio/{texting.org_id}/message"
    await texting.twilio.set_callback(callback)
    appointment = await texting.book(scheduled_at=NOW.replace(hour=15))
    await texting.settle()
    [sent] = await texting.twilio.messages()
    assert (await texting.delivery())["status"] == "sent"

    for status in ("sent", "delivered", "sent", "failed"):
        await texting.twilio.tell_status(sent["sid"], status)
    await texting.twilio.text(ANN, " c. ")
    await texting.settle()

    assert (await texting.delivery())["status"] == "delivered"
    owner = await texting.database.owner()
    confirmed = "SELECT patient_confirmed_at FROM appointments WHERE id = $1"
    assert await owner.fetchval(confirmed, appointment) is not None
    said = [message["body"] for message in await texting.twilio.messages()]
    assert said[1] == " c. "
    assert said[2].startswith("Harbor Dental: thank you. Your appointment on Monday 2 November")
    assert (await texting.delivery("sms_reply"))["status"] == "sent"


async def test_an_undelivered_message_is_seen_by_staff(both: Both) -> None:
    texting = both.texting
    await texting.book(scheduled_at=NOW.replace(hour=15))
    await texting.settle()
    [sent] = await texting.twilio.messages()

    await texting.twilio.tell_status(sent["sid"], "undelivered")

    row = await texting.delivery()
    assert (row["status"], row["error"]) == ("failed", "The message was not delivered.")
    assert await texting.alerts() == ["delivery_failed"]


async def test_a_status_of_another_clinics_token_changes_nothing(both: Both) -> None:
    texting = both.texting
    await texting.book(scheduled_at=NOW.replace(hour=15))
    await texting.settle()
    [text] = [dict(row) for row in await (await texting.database.owner()).fetch("TABLE texts")]
    path = f"/callbacks/twilio/{texting.org_id}/status?text={text['id']}&attempt={text['attempt']}"
    fields = {
        "AccountSid": ACCOUNT,
        "MessageSid": text["external_id"],
        "MessageStatus": "failed",
        "ErrorCode": "30006",
    }
    outcomes = []
    for token in ("another", TOKEN):
        signed = RequestValidator(token).compute_signature(both.address + path, fields)
        answer = await both.api.http.post(path, data=fields, headers={"X-Twilio-Signature": signed})
        outcomes.append((answer.status_code, (await texting.delivery())["status"]))

    assert outcomes == [(403, "sent"), (200, "failed")]
    assert "landline" in (await texting.delivery())["error"]

"""Text messages by Twilio's REST API. It knows no idempotency key: what is sent is written down
first, and a request whose fate is unknown is looked up among Twilio's own before it is made again.

Source: https://www.twilio.com/docs/messaging/api/message-resource
"""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx2
from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.booking.functions import Database
from voxanne.deliveries.http import Answer, UnreachableError, UnreadableError, exchange
from voxanne.outbox.types import (
    Delivery,
    Failed,
    Parked,
    Postponed,
    Result,
    Retry,
    Sender,
    Sent,
    Voided,
)
from voxanne.texts.messages import REPLY, write_text
from voxanne.texts.quiet_hours import quiet_until, zone_of
from voxanne.texts.vendor_errors import OPTED_OUT, sentence_of

PAGE_SIZE: Final = 100
PAGES_MAX: Final = 10  # of one patient's messages, newest first

# The account itself is refused, whoever is written to: wrong token, suspended, no such account.
_ACCESS_CODES: Final = {"20003", "20005", "20403", "20404"}
_NOT_DELIVERED: Final = {"failed", "undelivered", "canceled"}
_ACCESS_REFUSED: Final = "Twilio refuses the account: its SID or token is wrong, or it is closed."
_TRIAL: Final = "Sent from your Twilio trial account - "  # Twilio puts it before the words
_PATIENCE: Final = ("sms_reminder_", "sms_waitlist_offer")  # these wait for the morning


@dataclass(frozen=True, slots=True)
class _Account:
    sid: str
    token: str
    number: str


@dataclass(frozen=True, slots=True)
class TwilioSender:
    """Of every clinic that has an account; the others' messages are `without_account`'s, if given.

    `public_url`: where Twilio reaches our callbacks, if it does. `page_address` is write_text's.
    `settle_seconds`: a message may take as long until Twilio lists it; until then it isn't believed
    that there is none.
    """

    database: Database
    fernet: MultiFernet
    client: httpx2.AsyncClient
    base_url: str
    public_url: str | None
    page_address: Callable[[str], str | None]
    without_account: Sender | None = None
    settle_seconds: float = 30.0

    async def send(self, delivery: Delivery) -> Result:
        refused = _not_now(delivery)
        if refused is not None:
            return refused
        if delivery.details["account"] is None:
            if self.without_account is not None:
                return await self.without_account.send(delivery)
            return Voided("sms_off", "The clinic has no account for text messages.")
        account = self._account(delivery)
        if account is None:
            return Parked("token_unreadable", "The account's token can't be read: set it again.")
        body = write_text(delivery.kind, delivery.organization, delivery.details, self.page_address)
        text = await self._save(delivery, account, body)
        if text is None:
            return Retry("lease_over", "It took too long to begin.", uncertain=True)
        form = {"To": str(delivery.details["to"]), "From": account.number, "Body": body}
        if self.public_url:
            form["StatusCallback"] = self._callback(delivery, text)
        try:
            answer = await self._ask(account, "POST", self._messages(account), data=form)
        except UnreachableError as error:
            return Retry(error.error_code, error.error, uncertain=not error.certain)
        return await self._answered(delivery, text, answer)

    async def look_up(self, delivery: Delivery) -> Result | None:
        text = delivery.details["text"]
        if text is None or text["tried_at"] is None or text["status"] in _NOT_DELIVERED:
            return None
        if text["external_id"] is not None:
            return Sent(text["external_id"])
        if delivery.details["account"] is None:
            return Failed("account_gone", "Whether it was sent isn't known: the account is gone.")
        account = self._account(delivery)
        if account is None or account.number != text["our_number"]:
            return Failed("account_changed", "Whether it was sent isn't known: another account is.")
        try:
            async for found in self._sent_to(account, text["their_number"]):
                if _words(found) == text["body"] and await self._is_ours(delivery, found):
                    return Sent(found["sid"])
        except UnreachableError as error:
            return Retry(error.error_code, error.error, uncertain=True)
        except _RefusedError as error:
            return await self._not_listed(delivery, error.answer)
        tried = datetime.fromisoformat(text["tried_at"])
        waits = self.settle_seconds - (_now(delivery) - tried).total_seconds()
        if waits > 0:
            return Retry("not_listed_yet", "Twilio doesn't list it yet.", waits, uncertain=True)
        return None

    def _account(self, delivery: Delivery) -> _Account | None:
        stored = delivery.details["account"]
        try:
            token = self.fernet.decrypt(base64.b64decode(stored["encrypted_token"]))
        except InvalidToken:
            return None
        return _Account(stored["account_sid"], token.decode(), stored["number"])

    async def _save(self, delivery: Delivery, account: _Account, body: str) -> UUID | None:
        saved = await self.database.fetch_value(
            "SELECT save_text($1, $2, $3, $4, $5, $6, $7, $8)",
            delivery.organization_id,
            delivery.subject_id,
            delivery.kind,
            delivery.version,
            delivery.attempt,
            account.number,
            delivery.details["to"],
            body,
        )
        return None if saved is None else UUID(str(saved))

    def _messages(self, account: _Account) -> str:
        return f"/2010-04-01/Accounts/{account.sid}/Messages.json"

    def _callback(self, delivery: Delivery, text: UUID) -> str:
        """Names our text and the attempt, so that it can be known before Twilio's id is."""
        named = urlencode({"text": str(text), "attempt": delivery.attempt})
        public = str(self.public_url).rstrip("/")
        return f"{public}/callbacks/twilio/{delivery.organization_id}/status?{named}"

    async def _ask(self, account: _Account, method: str, path: str, **options: Any) -> Answer:
        url = self.base_url.rstrip("/") + path
        return await exchange(
            self.client, method, url, auth=(account.sid, account.token), **options
        )

    async def _answered(self, delivery: Delivery, text: UUID, answer: Answer) -> Result:
        said = _object(answer)
        if answer.status in (200, 201) and isinstance(sid := said.get("sid"), str):
            await self._record(delivery, text, delivery.attempt, sid)
            return Sent(sid)
        if answer.status == 429:
            return _too_many(answer)
        code = str(said["code"]) if isinstance(said.get("code"), int) else None
        if code is None or not 400 <= answer.status < 500 or answer.status == 408:
            # A proxy's page, half an answer, a fault after the message was taken.
            return _in_doubt(answer)
        if answer.status == 401 or code in _ACCESS_CODES:
            await self._tell_staff(delivery)
            return Parked("access_refused", _ACCESS_REFUSED)
        if code == OPTED_OUT:
            await self.database.fetch_value(
                "SELECT save_consent($1, $2, 'opt_out', 'carrier')",
                delivery.organization_id,
                delivery.details["to"],
            )
            return Voided(code, sentence_of(code))
        return Failed(code, sentence_of(code))

    async def _not_listed(self, delivery: Delivery, answer: Answer) -> Result:
        """Twilio doesn't say what it has: nothing is known, and nothing is sent."""
        if answer.status == 429:
            return _too_many(answer, uncertain=True)
        if answer.status in (401, 403, 404):
            await self._tell_staff(delivery)
            return Retry("access_refused", _ACCESS_REFUSED, uncertain=True)
        return _in_doubt(answer)

    async def _sent_to(self, account: _Account, number: str) -> AsyncIterator[Mapping[str, Any]]:
        """Messages of ours to the number, newest first, but those that failed.

        Not by DateSent: what still waits at Twilio has none. Raises UnreachableError,
        _RefusedError.
        """
        named = urlencode({"To": number, "From": account.number, "PageSize": PAGE_SIZE})
        page: str | None = f"{self._messages(account)}?{named}"
        for _ in range(PAGES_MAX):
            answer = await self._ask(account, "GET", page or "")
            listed = _object(answer)
            if answer.status != 200 or not isinstance(listed.get("messages"), list):
                raise _RefusedError(answer)
            for message in listed["messages"]:
                outward = str(message.get("direction")).startswith("outbound")
                numbers = (message.get("to"), message.get("from")) == (number, account.number)
                if outward and numbers and message.get("status") not in _NOT_DELIVERED:
                    yield message
            page = listed.get("next_page_uri")
            if not page:
                return

    async def _is_ours(self, delivery: Delivery, found: Mapping[str, Any]) -> bool:
        """Not another text's of the same words."""
        text = delivery.details["text"]
        return await self._record(delivery, text["id"], text["attempt"], found["sid"])

    async def _record(
        self, delivery: Delivery, text: UUID | str, attempt: int, external_id: str
    ) -> bool:
        recorded = await self.database.fetch_value(
            "SELECT record_sent_text($1, $2, $3, $4)",
            delivery.organization_id,
            text,
            attempt,
            external_id,
        )
        return bool(recorded)

    async def _tell_staff(self, delivery: Delivery) -> None:
        await self.database.fetch_value(
            "SELECT raise_alert($1, 'sms_broken')", delivery.organization_id
        )


class _RefusedError(Exception):
    """The list of messages couldn't be had; `answer` is what came instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _not_now(delivery: Delivery) -> Result | None:
    """Why it isn't to be sent, or not yet."""
    details = delivery.details
    offered = delivery.kind == "sms_waitlist_offer"
    if not details["to"]:
        return Voided("no_number", "There is no number to send it to.")
    if details["opted_out"]:
        return Voided("opted_out", "The patient wants no text messages.")
    if details["appointment"] is None and delivery.kind != REPLY:
        return Voided("gone", "What it is about is gone.")
    if offered and details["appointment"]["status"] != "held":
        return Voided("offer_over", "The offer is over.")
    if not delivery.kind.startswith(_PATIENCE):
        return None
    clinic = delivery.organization
    until = quiet_until(
        _now(delivery),
        zone_of(details["to"], clinic["timezone"]),
        time.fromisoformat(clinic["quiet_from"]),
        time.fromisoformat(clinic["quiet_until"]),
    )
    if until is None:
        return None
    if delivery.lapses_at is not None and until >= delivery.lapses_at:
        return Voided("quiet_hours", "It was night where the patient lives until it was too late.")
    waits = until - _now(delivery) + timedelta(seconds=1)
    return Postponed("quiet_hours", "It is night where the patient lives.", waits.total_seconds())


def _now(delivery: Delivery) -> datetime:
    """By the database's clock, as of the claim."""
    return datetime.fromisoformat(delivery.organization["now"])


def _object(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; {} of anything else."""
    try:
        said = answer.json()
    except UnreadableError:
        return {}
    return said if isinstance(said, dict) else {}


def _words(message: Mapping[str, Any]) -> str:
    return str(message.get("body")).removeprefix(_TRIAL)


def _in_doubt(answer: Answer) -> Retry:
    return Retry(
        f"http_{answer.status}",
        "Twilio answered with an error.",
        answer.retry_after_seconds,
        uncertain=True,
    )


def _too_many(answer: Answer, *, uncertain: bool = False) -> Retry:
    said = "Twilio asks us to slow down."
    return Retry("rate_limited", said, answer.retry_after_seconds, uncertain=uncertain)

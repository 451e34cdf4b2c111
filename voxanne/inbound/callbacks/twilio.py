"""`/callbacks/twilio/{org_id}/message` and `/status`: what Twilio tells of a clinic's messages.

Every request is signed with the token of the clinic's own account, over the address that Twilio
calls. Twilio shows whatever isn't 200 in its debugger.
"""

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.http import (
    Endpoint,
    called_address,
    note,
    post,
    problem,
    rate_limited,
    read_body,
)
from voxanne.inbound.rates import Rates, network_of
from voxanne.postgres.pool import DatabaseBusyError
from voxanne.texts.replies import Reply, bare_word, read_reply
from voxanne.texts.signature import is_signed
from voxanne.texts.vendor_errors import sentence_of

BODY_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 200
MESSAGE_PATH: Final = "/callbacks/twilio/{org_id}/message"
STATUS_PATH: Final = "/callbacks/twilio/{org_id}/status"
NOTHING_TO_SAY: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

# What Twilio took a message for, where its Advanced Opt-Out knows more words than we do.
_OPTING: Final = {"STOP": "opt_out", "START": "opt_in", "HELP": "help"}

Fields = dict[str, str]


class _ForgedError(Exception):
    """It isn't signed as this clinic's account would; or there is no such clinic or account."""


@dataclass(frozen=True, slots=True)
class TwilioCallbacks:
    """`public_url` is what Twilio calls; None: what the request says. `wait_seconds`: longest wait
    for the database.
    """

    database: functions.Database
    fernet: MultiFernet
    public_url: str | None
    wait_seconds: float
    rates: Rates

    def routes(self) -> list[Route]:
        return [
            post(MESSAGE_PATH, self._guarded(self._take_message)),
            post(STATUS_PATH, self._guarded(self._take_status)),
        ]

    def _guarded(self, take: Any) -> Endpoint:
        async def handle(request: Request) -> Response:
            body = await read_body(request, BODY_BYTES_MAX)
            # By clinic too: all clinics' callbacks come from the same few addresses, and one that
            # has the wrong token must not silence the others.
            addressed = _organization_of(request)
            forger = (network_of(request), addressed)
            seconds = self.rates.guesses.wait_seconds(forger)
            if seconds:
                return rate_limited(seconds)
            try:
                async with asyncio.timeout(self.wait_seconds):
                    organization, fields = await self._verify(request, addressed, body)
                    note(request, org_id=str(organization))
                    seconds = self.rates.credentials.take(("twilio", organization))
                    if seconds:
                        return rate_limited(seconds)
                    answer = await take(request, organization, fields)
            except _ForgedError:
                self.rates.guesses.count(forger)
                return problem(403, Outcome.UNAUTHORIZED, "The signature is missing or wrong.")
            except (DatabaseBusyError, TimeoutError):
                return problem(503, Outcome.BUSY, "The database is not answering; try again.")
            outcome = answer.get("error")
            note(request, outcome=outcome or "success")
            if outcome == Outcome.NOT_FOUND:
                return problem(404, Outcome.NOT_FOUND, "This number or message isn't the clinic's.")
            return Response(NOTHING_TO_SAY, media_type="text/xml")

        return handle

    async def _verify(
        self, request: Request, organization: UUID | None, body: bytes
    ) -> tuple[UUID, Fields]:
        """Whose it is, and its fields; raises _ForgedError."""
        if organization is None:
            raise _ForgedError
        try:
            pairs = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
            )
        except ValueError:
            raise _ForgedError from None
        stored = await self.database.fetch_value("SELECT find_sms_account($1)", organization)
        if stored is None:
            raise _ForgedError
        account = json.loads(str(stored))
        try:
            token = self.fernet.decrypt(base64.b64decode(account["encrypted_token"])).decode()
        except InvalidToken:
            raise _ForgedError from None
        presented = request.headers.get("x-twilio-signature", "")
        fields = dict(pairs)
        if not is_signed(token, called_address(request, self.public_url), pairs, presented):
            raise _ForgedError
        if fields.get("AccountSid") != account["account_sid"]:
            raise _ForgedError
        return organization, fields

    async def _take_message(
        self, _request: Request, organization: UUID, fields: Fields
    ) -> dict[str, Any]:
        body = fields.get("Body", "").replace("\x00", "")
        reply = _reply(fields, body)
        return await functions.call(
            self.database,
            "take_text",
            {
                "p_org_id": organization,
                "p_external_id": fields.get("MessageSid", ""),
                "p_our_number": fields.get("To", ""),
                "p_their_number": fields.get("From", ""),
                "p_body": body,
                "p_meaning": reply.meaning,
                "p_digit": reply.digit,
                "p_word": reply.word,
            },
        )

    async def _take_status(
        self, request: Request, organization: UUID, fields: Fields
    ) -> dict[str, Any]:
        code = fields.get("ErrorCode") or None
        try:
            text = UUID(request.query_params.get("text", ""))
            attempt = int(request.query_params.get("attempt", "")[:9])
        except ValueError:
            return {"error": Outcome.NOT_FOUND}
        return await functions.call(
            self.database,
            "take_text_status",
            {
                "p_org_id": organization,
                "p_text_id": text,
                "p_attempt": attempt,
                "p_external_id": fields.get("MessageSid", ""),
                "p_status": fields.get("MessageStatus", ""),
                "p_error_code": code,
                "p_error": sentence_of(code),
            },
        )


def _reply(fields: Fields, body: str) -> Reply:
    meaning = _OPTING.get(fields.get("OptOutType", "").upper())
    match meaning:
        case "opt_out" | "opt_in" | "help":
            return Reply(meaning, word=bare_word(body)[:50] or None)
        case _:
            return read_reply(body)


def _organization_of(request: Request) -> UUID | None:
    """Read before it is counted by: one id can be written in many ways, at any length."""
    try:
        return UUID(request.path_params["org_id"])
    except ValueError:
        return None

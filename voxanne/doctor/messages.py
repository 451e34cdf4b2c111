"""Checks of what carries messages: the clinics' accounts at Twilio, the mail server."""

import asyncio
import random
from typing import Any, Final

import httpx2
from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.deliveries.http import UnreachableError, UnreadableError, exchange, open_client
from voxanne.deliveries.smtp import SmtpSender, read_mail_server
from voxanne.doctor.calendars import TRIED_AT_ONCE, TRIED_MAX
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, State, counted, failed, named, off, ok
from voxanne.outbox.types import Failed, Retry

MAIL_SECONDS_MAX: Final = 15.0
_ACCOUNTS: Final = """
SELECT organizations.name, account_sid, encrypted_token
FROM sms_accounts JOIN organizations ON organizations.id = org_id
"""


async def check_twilio(scene: Examination) -> Finding:
    """Each account fetched with its own token.

    Source: https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource
    """
    fernet = scene.fernet()
    async with scene.owner() as connection:
        rows = await connection.fetch(_ACCOUNTS)
    if not rows:
        return off("no clinic has an account for text messages")
    tried = random.sample(rows, min(len(rows), TRIED_MAX))
    gate = asyncio.Semaphore(TRIED_AT_ONCE)
    async with open_client() as http:

        async def look(row: Any) -> str | None:
            async with gate:
                wrong = await _wrong_account(http, scene.settings.twilio_url, fernet, row)
            return wrong and f"{row['name']}: {wrong}"

        wrong = [said for said in await asyncio.gather(*map(look, tried)) if said]
    parts = (len(tried) - len(wrong), len(tried))
    if wrong:
        return Finding(
            State.FAILED,
            f"{len(wrong)} of {counted(len(tried), 'account')}: {named(wrong)}",
            "take SID and token from Twilio's console: voxanne sms set CLINIC",
            parts,
        )
    return Finding(State.OK, f"Twilio knows {counted(len(tried), 'account')}", "", parts)


async def _wrong_account(
    http: httpx2.AsyncClient, base_url: str, fernet: MultiFernet | None, row: Any
) -> str | None:
    try:
        token = fernet.decrypt(row["encrypted_token"]).decode() if fernet else None
    except InvalidToken:
        token = None
    if token is None:
        return "its token can't be read, see encryption_key"
    sid = row["account_sid"]
    url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{sid}.json"
    try:
        answer = await exchange(http, "GET", url, auth=(sid, token))
        said = answer.json()
    except UnreachableError as error:
        return error.error_code
    except UnreadableError:
        return "unreadable answer"
    if answer.status in (401, 403, 404):
        return "SID or token refused"
    status = said.get("status") if isinstance(said, dict) else None
    if answer.status != 200 or status is None:
        return f"HTTP {answer.status}"
    return None if status == "active" else f"the account is {status}"


async def check_mail(scene: Examination) -> Finding:
    settings = scene.settings
    if settings.smtp_url is None or settings.email_from is None:
        return off("VOXANNE_SMTP_URL isn't set")
    try:
        server = read_mail_server(settings.smtp_url.get_secret_value())
    except ValueError as error:
        return failed("VOXANNE_SMTP_URL can't be read", str(error))
    sender = SmtpSender(server, settings.email_from, lambda _: None, MAIL_SECONDS_MAX)
    wrong = await sender.greet()
    if isinstance(wrong, Failed | Retry):
        return failed(
            wrong.error.rstrip("."),
            "correct VOXANNE_SMTP_URL or VOXANNE_EMAIL_FROM: docs/how-to/e-mail.md",
        )
    return ok(f"{server.host} takes e-mail from {settings.email_from}")

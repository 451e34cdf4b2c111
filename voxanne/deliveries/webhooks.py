"""Webhooks, by the Standard Webhooks scheme (https://www.standardwebhooks.com): an id, a time, and
a signature for each secret that is valid now.

At least once: an attempt whose end is unknown is made again under the same id, by which receivers
tell that they have it.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx2
from cryptography.fernet import InvalidToken, MultiFernet
from standardwebhooks import Webhook

from voxanne import __version__
from voxanne.booking.functions import Database
from voxanne.deliveries.addresses import open_guarded_client
from voxanne.deliveries.http import Answer, UnreachableError, exchange
from voxanne.outbox.types import Delivered, Delivery, Failed, Parked, Result, Retry, Voided
from voxanne.outbox.webhooks import PING, event_type, message_id

SECONDS_MAX: Final = 15.0


def open_webhook_client(*, private_addresses: bool) -> httpx2.AsyncClient:
    """Where webhooks are sent with: see deliveries/addresses.py."""
    timeout = httpx2.Timeout(SECONDS_MAX, connect=5.0)
    return open_guarded_client(private_addresses=private_addresses, timeout=timeout)


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Posts an event to a webhook. `clock`: the real time, which receivers compare with theirs."""

    database: Database
    fernet: MultiFernet
    client: httpx2.AsyncClient
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def send(self, delivery: Delivery) -> Result:
        details = delivery.details
        if not details or details["status"] == "removed":
            return Voided("webhook_removed", "The webhook was removed.")
        is_ping = details["event"]["kind"] == PING
        if details["status"] == "disabled" and not is_ping:
            return Parked("webhook_disabled", "The webhook is turned off.")
        try:
            keys = [
                self.fernet.decrypt(encrypted).decode()
                for encrypted in details["encrypted_secrets"]
            ]
        except InvalidToken:
            return Failed("secret_unreadable", "The secret was encrypted with a key that is gone.")
        body = payload(delivery.organization_id, details["event"])
        headers = self._headers(message_id(delivery.subject_id), body, keys)
        result = await self._post(details["url"], body, headers)
        if is_ping:
            return _at_once(result)
        return await self._noted(delivery, result)

    async def look_up(self, _delivery: Delivery) -> Result | None:
        """To send again does no harm: the id is the same."""
        return None

    def _headers(self, message: str, body: bytes, keys: list[str]) -> dict[str, str]:
        now = self.clock()
        signatures = [Webhook(key).sign(message, now, body.decode()) for key in keys]
        return {
            "Content-Type": "application/json",
            "User-Agent": f"Voxanne/{__version__}",
            "Accept-Encoding": "identity",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Result:
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return _result_of(
                    await exchange(self.client, "POST", url, content=body, headers=headers)
                )
        except TimeoutError:
            return Retry("timeout", "There was no answer in time.", uncertain=True)
        except UnreachableError as error:
            return Retry(error.error_code, error.error, uncertain=not error.certain)

    async def _noted(self, delivery: Delivery, result: Result) -> Result:
        """Tell the database how the webhook does; one that fails for long is turned off there."""
        outcome = {Delivered: "delivered", Failed: "gone"}.get(type(result), "failed")
        status = await self.database.fetch_value(
            "SELECT note_webhook_result($1, $2, $3)",
            delivery.organization_id,
            UUID(delivery.details["webhook_id"]),
            outcome,
        )
        if status == "disabled" and isinstance(result, Failed | Retry):
            return Parked(result.error_code, f"{result.error} The webhook was turned off.")
        return result


def payload(organization: UUID, event: Mapping[str, Any]) -> bytes:
    """A message's body: ids and times, never a patient's details."""
    data = {
        "event_id": f"{event['transaction_id']}-{event['id']}",
        "organization_id": str(organization),
        "appointment_id": event["appointment_id"],
        "lead_id": event["lead_id"],
        "call_id": event["call_id"],
        "details": event["data"],
    }
    # The log has the database's own notation.
    moment = datetime.fromisoformat(event["created_at"]).astimezone(UTC)
    message = {
        "type": event_type(event["kind"]),
        "timestamp": moment.isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(message, separators=(",", ":")).encode()


def _result_of(answer: Answer) -> Result:
    """Any 2xx is success, whatever its body; a redirect isn't followed and is none."""
    if 200 <= answer.status < 300:
        return Delivered()
    error = f"The receiver answered with status {answer.status}."
    code = f"http_{answer.status}"
    if answer.status == 410:
        return Failed(code, "The receiver said that it wants no more (410).")
    wait = answer.retry_after_seconds if answer.status in (429, 503) else None
    return Retry(code, error, after_seconds=wait)


def _at_once(result: Result) -> Result:
    """A ping is tried once: somebody is looking."""
    return Failed(result.error_code, result.error) if isinstance(result, Retry) else result

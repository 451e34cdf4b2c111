"""Carries out what is due: claim, deliver, settle. Any number of workers may run; the database's
leases decide who has what. A worker that dies leaves leases that run out.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import structlog

from voxanne.booking.functions import Database
from voxanne.outbox.backoff import retry_seconds
from voxanne.outbox.types import (
    Channel,
    Delivered,
    Delivery,
    Failed,
    Parked,
    Result,
    Retry,
    Sender,
    Sent,
    Voided,
)

GAVE_UP: Final = "Tried {tries} times in vain. {error}"

log = structlog.get_logger("voxanne.worker")


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_flight_max`: deliveries of one channel at once, in this worker;
    `organization_in_flight_max`: of one clinic in one channel, over all workers.
    An attempt's time ends before its lease does.
    """

    in_flight_max: int = 32
    organization_in_flight_max: int = 8
    attempt_seconds_max: float = 30.0
    lease_seconds: int = 60
    poll_seconds: float = 0.2
    drain_seconds_max: float = 20.0


@dataclass(slots=True)
class Worker:
    """One loop per channel. `observe` is told of every attempt: channel, outcome, its seconds."""

    database: Database
    senders: Mapping[Channel, Sender]
    limits: Limits = field(default_factory=Limits)
    observe: Callable[[Channel, str, float], None] = lambda _channel, _outcome, _seconds: None

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is under way is then finished, within
        `drain_seconds_max`; what isn't comes back when its lease ends.
        """
        async with asyncio.TaskGroup() as group:
            for channel, sender in self.senders.items():
                group.create_task(self._run_channel(channel, sender, stop))

    async def drain(self) -> int:
        """Deliver what is due now until nothing is. Returns how many attempts that took."""
        attempts = 0
        while True:
            claimed = [
                (delivery, sender)
                for channel, sender in self.senders.items()
                for delivery in await self.claim(channel, self.limits.in_flight_max)
            ]
            if not claimed:
                return attempts
            attempts += len(claimed)
            await asyncio.gather(*(self.attempt(sender, delivery) for delivery, sender in claimed))

    async def claim(self, channel: Channel, count: int) -> list[Delivery]:
        """Take up to so many due deliveries. Raises the database's errors."""
        answer = await self.database.fetch_value(
            "SELECT claim_deliveries($1, $2, $3, $4)",
            channel,
            count,
            self.limits.organization_in_flight_max,
            self.limits.lease_seconds,
        )
        return [
            _delivery(channel, claimed["organization"], row)
            for claimed in json.loads(str(answer))
            for row in claimed["deliveries"]
        ]

    async def attempt(self, sender: Sender, delivery: Delivery) -> None:
        """One attempt; what became of it goes into the database. Raises the database's errors."""
        started = asyncio.get_running_loop().time()
        result = await self._result(sender, delivery)
        await self._settle(delivery, result)
        took = asyncio.get_running_loop().time() - started
        self.observe(delivery.channel, type(result).__name__.lower(), took)

    async def _run_channel(self, channel: Channel, sender: Sender, stop: asyncio.Event) -> None:
        under_way: set[asyncio.Task[None]] = set()
        stopped = asyncio.create_task(stop.wait())
        while not stopped.done():
            free = self.limits.in_flight_max - len(under_way)
            claimed = await self._claim_if_it_can(channel, free) if free else []
            for delivery in claimed:
                under_way.add(asyncio.create_task(self._attempt_or_leave(sender, delivery)))
            # With as many as there may be, go on as soon as one is done; else look again soon.
            full = len(under_way) >= self.limits.in_flight_max
            await asyncio.wait(
                {stopped, *under_way} if full else {stopped},
                timeout=None if full else self.limits.poll_seconds * (not claimed),
                return_when=asyncio.FIRST_COMPLETED,
            )
            under_way = {task for task in under_way if not task.done()}
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=self.limits.drain_seconds_max)
            for task in late:
                task.cancel()

    async def _claim_if_it_can(self, channel: Channel, count: int) -> Sequence[Delivery]:
        try:
            return await self.claim(channel, count)
        except Exception as error:  # the database may be away for a while
            log.warning(
                "deliveries could not be claimed", channel=channel, bug=type(error).__name__
            )
            await asyncio.sleep(1)
            return []

    async def _attempt_or_leave(self, sender: Sender, delivery: Delivery) -> None:
        try:
            await self.attempt(sender, delivery)
        except Exception as error:  # its lease runs out and it is looked up
            log.warning("a delivery was not settled", kind=delivery.kind, bug=type(error).__name__)

    async def _result(self, sender: Sender, delivery: Delivery) -> Result:
        try:
            async with asyncio.timeout(self.limits.attempt_seconds_max):
                return await _look_up_then_send(sender, delivery)
        except TimeoutError:
            return Retry("timeout", "There was no answer in time.", uncertain=True)
        except Exception as error:
            log.error(
                "a sender failed", kind=delivery.kind, bug=type(error).__name__, exc_info=False
            )
            return Retry("internal_error", "Something went wrong here.", uncertain=True)

    async def _settle(self, delivery: Delivery, result: Result) -> None:
        settled = _settlement(delivery, result)
        named = {
            "p_org_id": delivery.organization_id,
            "p_subject_id": delivery.subject_id,
            "p_kind": delivery.kind,
            "p_version": delivery.version,
            "p_attempt": delivery.attempt,
            **settled,
        }
        query = ", ".join(f"{name} => ${number}" for number, name in enumerate(named, 1))
        ours = await self.database.fetch_value(f"SELECT finish_delivery({query})", *named.values())
        if not ours:
            log.warning("an attempt took longer than its lease", kind=delivery.kind)


async def _look_up_then_send(sender: Sender, delivery: Delivery) -> Result:
    if delivery.uncertain:
        found = await sender.look_up(delivery)
        if found is not None:
            return found
    if delivery.stale:
        return Voided("too_late", "It was too late, or overtaken by a change.")
    return await sender.send(delivery)


def _settlement(delivery: Delivery, result: Result) -> dict[str, object]:
    """The result as finish_delivery's parameters."""
    match result:
        case Delivered(external_id):
            return {"p_status": "delivered", "p_external_id": external_id}
        case Sent(external_id):
            return {"p_status": "sent", "p_external_id": external_id}
        case Retry(error_code, error, after_seconds, uncertain):
            wait = retry_seconds(delivery.channel, delivery.tries, after_seconds)
            said = {"p_error_code": error_code, "p_error": error, "p_uncertain": uncertain}
            if wait is None:
                error = GAVE_UP.format(tries=delivery.tries, error=error)
                return {**said, "p_status": "failed", "p_error": error}
            return {**said, "p_status": "queued", "p_retry_seconds": wait}
        case Parked(error_code, error):
            return {
                "p_status": "queued",
                "p_error_code": error_code,
                "p_error": error,
                "p_retry_seconds": float("inf"),
            }
        case Failed(error_code, error):
            return {"p_status": "failed", "p_error_code": error_code, "p_error": error}
        case Voided(error_code, error):
            return {"p_status": "voided", "p_error_code": error_code, "p_error": error}
        case _:
            assert_never(result)


def _delivery(
    channel: Channel, organization: Mapping[str, Any], row: Mapping[str, Any]
) -> Delivery:
    return Delivery(
        channel=channel,
        organization_id=UUID(organization["org_id"]),
        subject_id=UUID(row["subject_id"]),
        kind=row["kind"],
        version=row["version"],
        attempt=row["attempt"],
        tries=row["tries"],
        uncertain=row["uncertain"],
        stale=row["stale"],
        created_at=datetime.fromisoformat(row["created_at"]),
        lapses_at=datetime.fromisoformat(row["lapses_at"]) if row["lapses_at"] else None,
        external_id=row["external_id"],
        organization=organization,
        details=row["details"] or {},
    )

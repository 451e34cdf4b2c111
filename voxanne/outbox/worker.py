"""Carries out what is due: claim, deliver, settle. Any number of workers may run; the database's
leases decide who has what. A worker that dies leaves leases that run out.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import structlog

from voxanne.booking.functions import Database
from voxanne.outbox.backoff import BACKOFFS, retry_seconds
from voxanne.outbox.types import (
    Channel,
    Delivered,
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
from voxanne.postgres.pool import DatabaseBusyError

GAVE_UP: Final = "Tried {tries} times in vain. {error}"
AWAY_SECONDS: Final = 1.0  # between two tries to reach the database
CLAIM: Final = "SELECT claim_deliveries($1, $2, $3, $4)"
FINISH: Final = "SELECT finish_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"

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


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken. `voided`: how many were too late or overtaken, and are settled already."""

    deliveries: list[Delivery]
    voided: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What finish_delivery stores. `outcome` is for the metrics: a give-up is "failed"."""

    outcome: str
    status: str
    external_id: str | None = None
    error_code: str | None = None
    error: str | None = None
    retry_seconds: float = 0.0
    uncertain: bool = False


@dataclass(slots=True)
class Worker:
    """One loop per channel. `observe` is told of every attempt: delivery, outcome, its seconds."""

    database: Database
    senders: Mapping[Channel, Sender]
    limits: Limits = field(default_factory=Limits)
    observe: Callable[[Delivery, str, float], None] = lambda _delivery, _outcome, _seconds: None

    async def run(self, stop: asyncio.Event) -> int:
        """Deliver until `stop` is set; what is under way is then finished, within
        `drain_seconds_max`. Returns how many weren't: they come back when their leases end.
        """
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(_Loop(self, channel, sender, stop).run())
                for channel, sender in self.senders.items()
            ]
        return sum(loop.result() for loop in loops)

    async def drain(self) -> int:
        """Deliver what is due now until nothing is. Returns how many attempts that took. Raises the
        database's errors, in a group.
        """
        attempts = 0
        while True:
            loops = [
                _Loop(self, channel, sender, asyncio.Event(), until_idle=True)
                for channel, sender in self.senders.items()
            ]
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop.run())
            if not (done := sum(loop.attempts for loop in loops)):
                return attempts
            attempts += done

    async def claim(self, channel: Channel, count: int) -> Claim:
        """Take up to so many due deliveries. Raises the database's errors."""
        limits = self.limits
        answer = await self.database.fetch_value(
            CLAIM, channel, count, limits.organization_in_flight_max, limits.lease_seconds
        )
        claimed = json.loads(str(answer))
        return Claim(
            [
                _delivery(channel, of_one["organization"], row)
                for of_one in claimed
                for row in of_one["deliveries"]
            ],
            sum(of_one["voided"] for of_one in claimed),
        )

    async def attempt(self, sender: Sender, delivery: Delivery) -> None:
        """One attempt; what became of it goes into the database. Raises the database's errors
        when it is away for longer than the lease lasts.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        settlement = await self._carry_out(sender, delivery)
        took = clock() - started
        ours = await self._settle(delivery, settlement, started + self.limits.lease_seconds)
        self.observe(delivery, settlement.outcome if ours else "overtaken", took)
        if not ours or settlement.status == "failed":
            log.warning(
                "a delivery failed" if ours else "an attempt took longer than its lease",
                org_id=str(delivery.organization_id),
                delivery=f"{delivery.subject_id}/{delivery.kind}/{delivery.version}",
                error_code=settlement.error_code,
            )

    async def _carry_out(self, sender: Sender, delivery: Delivery) -> Settlement:
        """Find out about an earlier attempt, where there was one, and send if it didn't get there.

        As long as nobody knows whether that one did, the delivery stays uncertain.
        """
        uncertain = delivery.uncertain
        try:
            async with asyncio.timeout(self.limits.attempt_seconds_max):
                if (hopeless := _hopeless(delivery)) is not None:
                    return _settlement(delivery, hopeless, uncertain=uncertain)
                if uncertain and (found := await sender.look_up(delivery)) is not None:
                    return _settlement(delivery, found, uncertain=True)
                uncertain = False
                if delivery.stale:
                    late = Voided("too_late", "It was too late, or overtaken by a change.")
                    return _settlement(delivery, late, uncertain=False)
                result = await sender.send(delivery)
                uncertain = isinstance(result, Retry) and result.uncertain
        except TimeoutError:
            uncertain, result = True, Retry("timeout", "There was no answer in time.")
        except DatabaseBusyError:  # a sender's own question to it: nobody's bug
            log.warning("a sender found the database away", kind=delivery.kind)
            uncertain, result = True, Retry("database_away", "Our database did not answer in time.")
        except Exception as error:
            log.error("a sender failed", kind=delivery.kind, bug=type(error).__name__)
            uncertain, result = True, Retry("internal_error", "Something went wrong here.")
        return _settlement(delivery, result, uncertain=uncertain)

    async def _settle(self, delivery: Delivery, settlement: Settlement, until: float) -> bool:
        """Whether the attempt was still ours. What the vendor said is worth asking again for, as
        long as nobody else takes the delivery up. Raises the database's errors after `until`.
        """
        while True:
            try:
                return bool(
                    await self.database.fetch_value(
                        FINISH,
                        delivery.organization_id,
                        delivery.subject_id,
                        delivery.kind,
                        delivery.version,
                        delivery.attempt,
                        settlement.status,
                        settlement.external_id,
                        settlement.error_code,
                        settlement.error,
                        settlement.retry_seconds,
                        settlement.uncertain,
                    )
                )
            except Exception:  # it may be away for a while
                if asyncio.get_running_loop().time() + AWAY_SECONDS >= until:
                    raise
                await asyncio.sleep(AWAY_SECONDS)


@dataclass(slots=True)
class _Loop:
    """One channel's deliveries, until `stop` is set, or until nothing is due."""

    worker: Worker
    channel: Channel
    sender: Sender
    stop: asyncio.Event
    until_idle: bool = False
    attempts: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _away: bool = False

    async def run(self) -> int:
        """Returns how many attempts were cut short."""
        limits = self.worker.limits
        stopped = asyncio.create_task(self.stop.wait())
        try:
            while not stopped.done():
                free = limits.in_flight_max - len(self._under_way)
                if free and await self._begin(free):
                    continue
                if self.until_idle and not self._under_way:
                    break
                # Each that is done makes room: for one of its clinic, or the next of its subject.
                await _first([stopped, *self._under_way], self._pause_seconds())
                self._under_way = {task for task in self._under_way if not task.done()}
            return await self._finish()
        finally:
            await _cancel([stopped, *self._under_way])

    async def _begin(self, count: int) -> bool:
        """Claim and begin up to so many. Whether there may be more."""
        try:
            claim = await self.worker.claim(self.channel, count)
        except Exception as error:
            if self.until_idle:
                raise
            if not self._away:
                bug = type(error).__name__
                log.warning("deliveries can't be claimed", channel=self.channel, bug=bug)
            self._away = True
            return False
        if self._away:
            log.warning("deliveries can be claimed again", channel=self.channel)
        self._away = False
        self.attempts += len(claim.deliveries)
        self._under_way |= {
            asyncio.create_task(self._attempt_or_leave(delivery)) for delivery in claim.deliveries
        }
        return bool(claim.deliveries or claim.voided)

    async def _attempt_or_leave(self, delivery: Delivery) -> None:
        try:
            await self.worker.attempt(self.sender, delivery)
        except Exception as error:  # its lease runs out and it is looked up
            log.warning("a delivery was not settled", kind=delivery.kind, bug=type(error).__name__)

    def _pause_seconds(self) -> float:
        return AWAY_SECONDS if self._away else self.worker.limits.poll_seconds

    async def _finish(self) -> int:
        if not self._under_way:
            return 0
        _, late = await asyncio.wait(self._under_way, timeout=self.worker.limits.drain_seconds_max)
        return len(late)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _first(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _hopeless(delivery: Delivery) -> Result | None:
    """What must not be tried: details that the database couldn't make, and what was begun so often
    without ever coming to an end that it may be what ends the workers.
    """
    if delivery.tries > BACKOFFS[delivery.channel].tries_max:
        return Failed("never_finished", f"Begun {delivery.tries} times and never finished.")
    if "broken" in delivery.details:
        log.error("details can't be made", kind=delivery.kind, sqlstate=delivery.details["broken"])
        return Retry("internal_error", "Something went wrong here.")
    return None


def _settlement(delivery: Delivery, result: Result, *, uncertain: bool) -> Settlement:
    match result:
        case Delivered(external_id):
            return Settlement("delivered", "delivered", external_id)
        case Sent(external_id):
            return Settlement("sent", "sent", external_id)
        case Retry(error_code, error, after_seconds):
            wait = retry_seconds(delivery.channel, delivery.tries, after_seconds)
            if wait is None:
                error = GAVE_UP.format(tries=delivery.tries, error=error)
                return Settlement("failed", "failed", None, error_code, error, uncertain=uncertain)
            return Settlement("retry", "queued", None, error_code, error, wait, uncertain)
        case Postponed(error_code, error, after_seconds):
            return Settlement(
                "postponed", "postponed", None, error_code, error, after_seconds, uncertain
            )
        case Parked(error_code, error):
            forever = float("inf")
            return Settlement("parked", "queued", None, error_code, error, forever, uncertain)
        case Failed(error_code, error):
            return Settlement("failed", "failed", None, error_code, error, uncertain=uncertain)
        case Voided(error_code, error):
            return Settlement("voided", "voided", None, error_code, error)
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
        waited_seconds=row["waited_seconds"],
    )

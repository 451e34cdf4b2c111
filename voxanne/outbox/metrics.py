"""What a worker counts: numbers only, never a tenant's or a patient's details."""

import json
import time
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore
from voxanne.outbox.inspection import Inspection
from voxanne.outbox.types import CHANNELS, Delivery, Refreshed

SECONDS_BUCKETS: Final = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# The target is 2 s; what a vendor's outage held up took minutes or hours.
BOOKING_BUCKETS: Final = (0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0)
QUEUE_EVERY_SECONDS: Final = 10.0
OUTCOMES: Final = (
    "sent",
    "delivered",
    "retry",
    "postponed",
    "parked",
    "failed",
    "voided",
    "overtaken",
)
PROMISES: Final = ("kept", "none", "mismatch", "unclear")


class WorkerMetrics:
    """One worker's counters, in a registry of their own. What can be counted begins at 0: a series
    that begins with its first error has no increase that an alert could see.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempt_seconds = Histogram(
            "voxanne_delivery_attempt_seconds",
            "Time an attempt to deliver took, in seconds",
            ("channel", "outcome"),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.booking_to_calendar_seconds = Histogram(
            "voxanne_booking_to_calendar_seconds",
            "From a booking until its calendar entry was read back, in seconds",
            buckets=BOOKING_BUCKETS,
            registry=self.registry,
        )
        self.token_refreshes = self._counter(
            "voxanne_token_refreshes_total",
            "Times a calendar's access was renewed, or wasn't",
            "outcome",
            get_args(Refreshed),
        )
        self.promise_checks = self._counter(
            "voxanne_promise_checks_total",
            "Calls whose promises were compared with the diary",
            "promise",
            PROMISES,
        )
        self.queue_seconds = Gauge(
            "voxanne_delivery_queue_seconds",
            "How long the oldest delivery that is due has been due, of all clinics, in seconds",
            ("channel",),
            registry=self.registry,
        )
        self.queue_measured = self._gauge(
            "voxanne_delivery_queue_measured_timestamp_seconds",
            "When the queue was last measured, in seconds since 1970",
        )
        self.double_bookings = self._gauge(
            "voxanne_double_bookings", "Live appointments that overlap against the rules"
        )
        self.crooked_leads = self._gauge(
            "voxanne_crooked_leads", "Leads whose details aren't as normalising makes them"
        )
        self.records_inspected = self._gauge(
            "voxanne_records_inspected_timestamp_seconds",
            "When all clinics' records had last been looked through, in seconds since 1970",
        )
        self.records_inspected.set_to_current_time()  # it begins now
        for channel in CHANNELS:
            for outcome in OUTCOMES:
                self.attempt_seconds.labels(channel, outcome)

    def observe(self, delivery: Delivery, outcome: str, seconds: float) -> None:
        """An attempt: see Worker.observe. A booking's entry counts once: not when staff have it
        tried again, nor when a calendar is connected later.
        """
        self.attempt_seconds.labels(delivery.channel, outcome).observe(seconds)
        first = delivery.version == 1 and delivery.attempt == delivery.tries
        if delivery.kind == "calendar" and outcome == "delivered" and first:
            self.booking_to_calendar_seconds.observe(delivery.waited_seconds + seconds)

    def refreshed(self, outcome: Refreshed) -> None:
        self.token_refreshes.labels(outcome).inc()

    def chores(self, database: Database) -> list[Chore]:
        """What keeps the gauges up to date."""
        return [self.chore(database), Inspection(database, self._tell).chore()]

    def chore(self, database: Database) -> Chore:
        """What keeps the queue's age up to date."""
        return Chore("queue age", QUEUE_EVERY_SECONDS, lambda: self._measure_queue(database))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    async def _measure_queue(self, database: Database) -> int:
        """Returns how many channels have something due. Raises what the database raises."""
        ages = json.loads(str(await database.fetch_value("SELECT delivery_queue_ages()")))
        for channel in CHANNELS:
            self.queue_seconds.labels(channel).set(ages.get(channel, 0.0))
        self.queue_measured.set(time.time())
        return len(ages)

    def _tell(self, found: dict[str, int], finished_at: float | None) -> None:
        self.double_bookings.set(found["double_bookings"])
        self.crooked_leads.set(found["crooked_leads"])
        if finished_at is not None:
            self.records_inspected.set(finished_at)

    def _counter(self, name: str, meaning: str, label: str, values: tuple[str, ...]) -> Counter:
        counter = Counter(name, meaning, (label,), registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)

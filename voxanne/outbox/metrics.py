"""What a worker counts: numbers only, never a tenant's or a patient's details."""

import json
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore
from voxanne.outbox.types import CHANNELS, Channel

SECONDS_BUCKETS: Final = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
QUEUE_EVERY_SECONDS: Final = 10.0


class WorkerMetrics:
    """One worker's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempt_seconds = Histogram(
            "voxanne_delivery_attempt_seconds",
            "Time an attempt to deliver took, in seconds",
            ("channel", "outcome"),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.queue_seconds = Gauge(
            "voxanne_delivery_queue_seconds",
            "How long the oldest delivery that is due has been due, of all clinics, in seconds",
            ("channel",),
            registry=self.registry,
        )
        self.promise_checks = Counter(
            "voxanne_promise_checks_total",
            "Calls whose promises were compared with the diary",
            ("promise",),
            registry=self.registry,
        )

    def observe(self, channel: Channel, outcome: str, seconds: float) -> None:
        """An attempt: see Worker.observe."""
        self.attempt_seconds.labels(channel, outcome).observe(seconds)

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
        return len(ages)

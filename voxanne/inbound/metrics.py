"""What is counted: numbers only, never a tenant's or a patient's details."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from voxanne.booking.normalize import ERRORS
from voxanne.booking.outcomes import Outcome

# The targets (200 ms for a tool's answer, 2 s for BUSY) are bucket borders.
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SUCCESS = "SUCCESS"
# Fixed in advance, so that what a caller sends can't make a new time series.
OUTCOMES = frozenset({SUCCESS, *Outcome})


class NormalizationErrors(Collector):
    """Counted where they happen, which knows nothing of metrics."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        errors = CounterMetricFamily(
            "voxanne_normalization_errors",
            "Times normalising a caller's detail went wrong",
            labels=("what",),
        )
        for what, count in ERRORS.items():
            errors.add_metric((what,), count)
        yield errors


class Metrics:
    """One process's counters. A registry of its own, so that two apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.tool_seconds = Histogram(
            "voxanne_tool_seconds",
            "Time to answer one tool call, in seconds",
            ("tool", "outcome"),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.calendar_wait_seconds = Histogram(
            "voxanne_calendar_wait_seconds",
            "How long a booking's answer waited for its calendar event, in seconds",
            ("status",),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.bookings = Counter(
            "voxanne_bookings_total",
            "Answers of book_appointment_atomic; replays count as SUCCESS once more",
            ("outcome",),
            registry=self.registry,
        )
        # A series that began with its first failure would have no increase.
        for outcome in OUTCOMES:
            self.bookings.labels(outcome)
        self.requests = Counter(
            "voxanne_requests_total",
            "HTTP requests by route and status",
            ("route", "status"),
            registry=self.registry,
        )
        self.lost_messages = Counter(
            "voxanne_voice_messages_lost_total",
            "Call reports that could not be stored",
            registry=self.registry,
        )
        self.pool_connections = Gauge(
            "voxanne_pool_connections",
            "Database connections of this process",
            ("state",),
            registry=self.registry,
        )
        self.pool_connections_max = Gauge(
            "voxanne_pool_connections_max",
            "Database connections this process may have",
            registry=self.registry,
        )
        self.ready = Gauge(
            "voxanne_ready",
            "1: the database answers and its schema is this release's",
            registry=self.registry,
        )
        self.registry.register(NormalizationErrors())
        self.live_streams = Gauge(
            "voxanne_live_streams", "Live views that are open", registry=self.registry
        )

    def render(self) -> bytes:
        return generate_latest(self.registry)

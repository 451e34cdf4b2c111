"""Each alert on both sides of its threshold, and no sooner than its `for` says: by promtool."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.metrics.promtool import ALERTS, fired, metric_names, promtool, rules, run_rules

API = 'job="voxanne-api",instance="a"'
ATTEMPTS = "voxanne_delivery_attempt_seconds_count"
MINUTES = 90


@dataclass(frozen=True)
class Case:
    """`wrong` fires within 90 minutes, `well` doesn't. Each is series → promtool's notation."""

    alert: str
    wrong: dict[str, str]
    well: dict[str, str]


def histogram(name: str, fast: str, slow: str, border: str) -> dict[str, str]:
    """So many under and over the border."""
    return {
        f'{name}_bucket{{le="{border}"}}': f"0+{fast}x{MINUTES}",
        f'{name}_bucket{{le="5.0"}}': f"0+{slow}x{MINUTES}",
        f'{name}_bucket{{le="+Inf"}}': f"0+{slow}x{MINUTES}",
        f"{name}_count": f"0+{slow}x{MINUTES}",
    }


def counts(name: str, label: str, **per_minute: int) -> dict[str, str]:
    return {
        f'{name}{{{label}="{value}"}}': f"0+{rate}x{MINUTES}" for value, rate in per_minute.items()
    }


def attempts(channel: str, **per_minute: int) -> dict[str, str]:
    return {
        f'{ATTEMPTS}{{channel="{channel}",outcome="{outcome}"}}': f"0+{rate}x{MINUTES}"
        for outcome, rate in per_minute.items()
    }


def requests(route: str, **per_minute: int) -> dict[str, str]:
    return {
        f'voxanne_requests_total{{route="{route}",status="{status[1:]}"}}': f"0+{rate}x{MINUTES}"
        for status, rate in per_minute.items()
    }


def once(series: str) -> dict[str, str]:
    """It rose by one, after a while."""
    return {series: f"0x30 1x{MINUTES - 31}"}


def flat(series: str, value: float) -> dict[str, str]:
    return {series: f"{value}x{MINUTES}"}


def busy(connections: int) -> dict[str, str]:
    return {
        f'voxanne_pool_connections{{{API},state="busy"}}': f"{connections}x{MINUTES}",
        f"voxanne_pool_connections_max{{{API}}}": f"10x{MINUTES}",
    }


BOOKINGS, PROMISES = "voxanne_bookings_total", "voxanne_promise_checks_total"
TOKENS = "voxanne_token_refreshes_total"
MEASURED = "voxanne_delivery_queue_measured_timestamp_seconds"
INSPECTED = "voxanne_records_inspected_timestamp_seconds"

CASES = [
    Case("VoxanneApiDown", flat(f"up{{{API}}}", 0), flat(f"up{{{API}}}", 1)),
    Case("VoxanneApiDown", {}, flat(f"up{{{API}}}", 1)),
    Case("VoxanneProcessDown", flat(f"up{{{API}}}", 0), flat('up{job="another"}', 0)),
    Case("VoxanneNotReady", flat("voxanne_ready", 0), flat("voxanne_ready", 1)),
    Case("VoxannePoolExhausted", busy(10), busy(9)),
    Case(
        "VoxanneRequestsFailing", requests("/v1", s200=18, s503=1), requests("/v1", s200=19, s503=1)
    ),
    Case("VoxanneRequestsFailing", requests("/v1", s500=1), requests("/readyz", s503=9)),
    Case(
        "VoxanneCredentialsRefused",
        requests("/api/vapi", s200=8, s401=1),
        {**requests("/api/vapi", s200=9, s401=1), **requests("/v1", s401=50)},
    ),
    Case("VoxanneWorkerDown", flat(MEASURED, 0), {MEASURED: f"-110+60x{MINUTES}"}),
    Case("VoxanneWorkerDown", {}, {MEASURED: f"-119+60x{MINUTES}"}),
    Case(
        "VoxanneBookingsFailing",
        counts(BOOKINGS, "outcome", SUCCESS=98, BUSY=1),
        counts(BOOKINGS, "outcome", SUCCESS=99, BUSY=1),
    ),
    Case(
        "VoxanneBookingsFailing",
        counts(BOOKINGS, "outcome", SUCCESS=1, INTERNAL_ERROR=1),
        counts(BOOKINGS, "outcome", SUCCESS=1, SLOT_UNAVAILABLE=9, INVALID_PHONE=9),
    ),
    Case(
        "VoxanneBookingsFailing",
        counts(BOOKINGS, "outcome", SUCCESS=0, BUSY=1),
        once(f'{BOOKINGS}{{outcome="BUSY"}}'),
    ),
    Case(
        "VoxanneToolsSlow",
        histogram("voxanne_tool_seconds", "93", "100", "0.2"),
        histogram("voxanne_tool_seconds", "95", "100", "0.2"),
    ),
    Case(
        "VoxanneToolsSlow",
        histogram("voxanne_tool_seconds", "0", "2", "0.2"),
        histogram("voxanne_tool_seconds", "0", "1", "0.2"),
    ),
    Case(
        "VoxanneDoubleBookings",
        flat("voxanne_double_bookings", 1),
        flat("voxanne_double_bookings", 0),
    ),
    Case(
        "VoxanneNormalizationErrors",
        flat("voxanne_crooked_leads", 1),
        flat("voxanne_crooked_leads", 0),
    ),
    Case(
        "VoxanneNormalizationErrors",
        once('voxanne_normalization_errors_total{what="phone"}'),
        flat('voxanne_normalization_errors_total{what="phone"}', 7),
    ),
    Case("VoxanneRecordsUninspected", flat(INSPECTED, -5 * 3600), flat(INSPECTED, -4 * 3600)),
    Case(
        "VoxannePromiseMismatch",
        once(f'{PROMISES}{{promise="mismatch"}}'),
        once(f'{PROMISES}{{promise="unclear"}}'),
    ),
    Case(
        "VoxanneMessagesLost",
        once("voxanne_voice_messages_lost_total"),
        flat("voxanne_voice_messages_lost_total", 3),
    ),
    Case(
        "VoxanneQueueOld",
        flat('voxanne_delivery_queue_seconds{channel="sms"}', 121),
        flat('voxanne_delivery_queue_seconds{channel="sms"}', 120),
    ),
    Case(
        "VoxanneCalendarFailing",
        attempts("calendar", delivered=98, parked=1),
        attempts("calendar", delivered=99, failed=1, retry=50),
    ),
    Case(
        "VoxanneCalendarUnreachable",
        attempts("calendar", delivered=9, retry=10),
        attempts("calendar", delivered=10, retry=10),
    ),
    Case(
        "VoxanneCalendarSlow",
        histogram("voxanne_booking_to_calendar_seconds", "9", "10", "2.0"),
        histogram("voxanne_booking_to_calendar_seconds", "19", "20", "2.0"),
    ),
    Case(
        "VoxanneTokenRefreshFailing",
        once(f'{TOKENS}{{outcome="failed"}}'),
        once(f'{TOKENS}{{outcome="renewed"}}'),
    ),
    Case(
        "VoxanneDeliveriesFailing",
        attempts("sms", sent=8, failed=1),
        {**attempts("sms", sent=9, failed=1), **attempts("calendar", failed=9)},
    ),
]


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == set(ALERTS)


def test_both_sides_of_each_threshold(tmp_path: Path) -> None:
    """Cases that read nothing of each other's share a test, since each test costs a database."""
    tests: list[tuple[set[str], dict[str, Any]]] = []
    for case in CASES:
        for series, expected in ((case.wrong, True), (case.well, False)):
            reads = {name.partition("{")[0] for name in (*case.wrong, *case.well)}
            reads |= read_by(case.alert)
            added = of(series, [fired(case.alert, MINUTES, MINUTES, expected=expected)])
            for taken, shared in tests:
                if not taken & reads:
                    shared["input_series"] += added["input_series"]
                    shared["promql_expr_test"] += added["promql_expr_test"]
                    taken |= reads
                    break
            else:
                tests.append((reads, added))
    run_rules(tmp_path, [test for _, test in tests], evaluated=5)


def read_by(alert: str) -> set[str]:
    """Metrics that it reads, those behind recorded ones too."""
    records = rules("record")
    waiting, found = metric_names(rules("alert")[alert]["expr"]), set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= metric_names(records[name]["expr"]) if name in records else set()
    return found


@pytest.mark.parametrize(
    ("alert", "series"),
    [
        ("VoxanneApiDown", flat(f"up{{{API}}}", 0)),
        ("VoxanneProcessDown", flat(f"up{{{API}}}", 0)),
        ("VoxanneNotReady", flat("voxanne_ready", 0)),
        ("VoxannePoolExhausted", busy(10)),
        ("VoxanneQueueOld", flat('voxanne_delivery_queue_seconds{channel="sms"}', 600)),
        ("VoxanneDoubleBookings", flat("voxanne_double_bookings", 1)),
    ],
)
def test_no_sooner_and_no_later_than_it_says(
    alert: str, series: dict[str, str], tmp_path: Path
) -> None:
    minutes = int(rules("alert")[alert].get("for", "0m").removesuffix("m"))
    looks = [fired(alert, 60, minutes, expected=True)]
    if minutes:
        looks.append(fired(alert, 60, minutes - 1, expected=False))
    run_rules(tmp_path, [of(series, looks)])


def test_both_files_are_sound() -> None:
    promtool("check", "rules", "deploy/prometheus/alerts.yaml")
    promtool("check", "config", "deploy/prometheus/prometheus.yaml")


def of(series: dict[str, str], looks: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [{"series": name, "values": values} for name, values in series.items()]
    return {"input_series": listed, "promql_expr_test": looks}

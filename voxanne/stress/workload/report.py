"""What came of a run, for people and for programs."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from voxanne.stress.load import percentile
from voxanne.stress.oracle import Anomaly
from voxanne.stress.workload.plan import KILLS, Plan

RATE_SHARE_MIN: Final = 0.9
ANOMALIES_SHOWN: Final = 30
WHAT_CHARACTERS: Final = 300
NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True)
class Report:
    """`outcomes`: by operation and outcome. `seconds`: how long the load lasted. `answered_ms`:
    p50, p99 and longest, of what was answered.
    """

    plan: Plan
    seconds: float
    operations: int
    outcomes: Mapping[str, Mapping[str, int]]
    faults: Mapping[str, int]
    cuts: Mapping[str, int]
    starts: int
    unreachable: int
    answered_ms: Mapping[str, float]
    settled_seconds: float
    deliveries: Mapping[str, int]
    anomalies: list[Anomaly]
    notes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.operations / self.seconds if self.seconds else 0.0

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.faults.items() if kind in KILLS)

    @property
    def passed(self) -> bool:
        return not self.anomalies and was_in_time(self.plan, self.seconds)

    @property
    def command(self) -> str:
        """What repeats it."""
        return (
            f"voxanne stress --workload --seed {self.plan.seed} "
            f"--minutes {self.plan.seconds / 60:g} --rate {self.plan.rate:g} "
            f"--clinics {self.plan.clinics}{' --chaos' if self.plan.chaos else ''}"
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "seed": self.plan.seed,
            "command": self.command,
            "seconds": round(self.seconds, 1),
            "operations": self.operations,
            "rate": round(self.rate, 1),
            "rate_wanted": self.plan.rate,
            "outcomes": self.outcomes,
            "cuts": self.cuts,
            "faults": self.faults,
            "kills": self.kills,
            "processes_started": self.starts,
            "unreachable": self.unreachable,
            "answered_ms": self.answered_ms,
            "settled_seconds": round(self.settled_seconds, 1),
            "deliveries": self.deliveries,
            "anomalies": [
                {
                    "rule": one.rule,
                    "org_id": str(one.org_id) if one.org_id else None,
                    "what": one.what,
                }
                for one in self.anomalies
            ],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        yield (
            f"{self.operations:,} operations in {self.seconds:.0f} s ({self.rate:.0f}/s), "
            f"answered in {self.answered_ms['p50']:.0f} ms (p50), "
            f"{self.answered_ms['p99']:.0f} ms (p99), {self.answered_ms['max']:.0f} ms at most"
        )
        width = max(map(len, self.outcomes), default=0)
        for operation, outcomes in self.outcomes.items():
            shown = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items())
            yield f"  {operation:<{width}}  {sum(outcomes.values()):>7,}  {shown}"
        cut = {"unread": "hung up before reading", "half": "sent half a request"}
        yield "callers: " + _counted({cut[name]: count for name, count in self.cuts.items()})
        yield f"faults: {_counted(self.faults)}"
        yield f"kills: {self.kills}; processes started: {self.starts}"
        yield f"deliveries: {_counted(self.deliveries)}, after {self.settled_seconds:.0f} s"
        yield from (f"note: {note}" for note in self.notes)
        rules = Counter(one.rule for one in self.anomalies)
        yield f"{len(self.anomalies)} anomalies" + (f": {_counted(rules)}" if rules else "")
        for one in self.anomalies[:ANOMALIES_SHOWN]:
            where = f" (clinic {one.org_id})" if one.org_id else ""
            yield f"  {one.rule}: {one.what[:WHAT_CHARACTERS]}{where}"
        if len(self.anomalies) > ANOMALIES_SHOWN:
            yield f"  … and {len(self.anomalies) - ANOMALIES_SHOWN} more (--json has all)"
        yield f"seed {self.plan.seed}; the same again: {self.command}"


def was_in_time(plan: Plan, seconds: float) -> bool:
    """Whether the steps began about as fast as was asked for."""
    return seconds <= plan.seconds / RATE_SHARE_MIN


def by_operation(counted: Mapping[tuple[str, str | None], int]) -> dict[str, dict[str, int]]:
    """The most frequent first, in both."""
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for (operation, outcome), count in sorted(counted.items(), key=lambda item: -item[1]):
        table[operation][outcome or NO_ANSWER] = count
    return dict(sorted(table.items(), key=lambda item: -sum(item[1].values())))


def milliseconds(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(1000 * percentile(ordered, 50), 1),
        "p99": round(1000 * percentile(ordered, 99), 1),
        "max": round(1000 * percentile(ordered, 100), 1),
    }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"

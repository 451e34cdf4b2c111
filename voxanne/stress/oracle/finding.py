"""What a rule looked at, and what it found wrong."""

from dataclasses import dataclass, field
from uuid import UUID

# Of one rule. What is wrong a million times is understood from the first of them.
ANOMALIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`what` holds ids and times only, never a patient. `org_id` is None where no one clinic's."""

    rule: str
    org_id: UUID | None
    what: str


@dataclass(slots=True)
class Finding:
    """One rule's: how many rows it looked at, its first anomalies, and how many there are."""

    rule: str
    looked: int = 0
    anomalies: list[Anomaly] = field(default_factory=list)
    count: int = 0

    def add(self, org_id: UUID | None, what: str) -> None:
        """Notes an anomaly; beyond ANOMALIES_MAX it is only counted."""
        self.count += 1
        if len(self.anomalies) < ANOMALIES_MAX:
            self.anomalies.append(Anomaly(self.rule, org_id, what))

"""Where all requests of a run pass: sent, timed, read, counted, and written into the journal."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from voxanne.stress.oracle import Anomaly
from voxanne.stress.oracle.journal import Entry, JournalFile
from voxanne.stress.workload.clinics import Clinic
from voxanne.stress.workload.plan import CLOCK, Cut
from voxanne.stress.workload.requests import (
    BUSY,
    INTERNAL,
    NO_ANSWER,
    SUCCESS,
    Answer,
    Request,
    read_answer,
)
from voxanne.stress.workload.wire import UnreachableError, Wire

ANOMALIES_MAX: Final = 1_000
# What somebody who asks for something sensible may be told. Anything else is an anomaly.
ORDINARY: Final = frozenset(
    {
        SUCCESS,
        "SLOT_UNAVAILABLE",
        "OUTSIDE_HOURS",
        "DATE_IN_PAST",
        "TOO_SOON",
        "LIMIT_REACHED",
        "HOLD_EXPIRED",
        "NOT_FOUND",
        "NOT_YOURS",
        "STALE_VERSION",
        BUSY,
    }
)
_KEPT: Final = (
    "appointment_id",
    "contact_id",
    "scheduled_at",
    "ends_at",
    "service_type",
    "status",
    "practitioner_id",
    "practitioner_name",
    "room_id",
    "hold_id",
    "expires_at",
    "waitlist_id",
    "previous",
)


@dataclass(slots=True)
class Tally:
    """What came of the requests so far. `outcomes`: by operation and outcome; None: no answer."""

    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    cuts: Counter[Cut] = field(default_factory=Counter)
    unreachable: int = 0
    in_flight: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def operations(self) -> int:
        return self.outcomes.total()

    def of_outcome(self, outcome: str | None) -> int:
        return sum(count for (_, one), count in self.outcomes.items() if one == outcome)


@dataclass(slots=True)
class Desk:
    """`anomalies`: what is wrong already in an answer; the rest is the oracle's to find."""

    clinics: Sequence[Clinic]
    wire: Wire
    journal: JournalFile
    started: float = 0.0
    tally: Tally = field(default_factory=Tally)
    anomalies: list[Anomaly] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> datetime:
        """The database's time, within a moment."""
        return CLOCK + timedelta(seconds=self.clock() - self.started)

    async def ask(
        self,
        operation: str,
        clinic: Clinic,
        request: Request,
        asked: Mapping[str, Any],
        *,
        process: int,
        cut: Cut | None = None,
        expected: frozenset[str] | None = ORDINARY,
    ) -> Answer:
        """One request and its answer. `expected`: outcomes it may have; None: the caller looks."""
        number, began = next(self._numbers), self.clock()
        self.tally.in_flight += 1
        answer = NO_ANSWER
        try:
            reply = await self.wire.exchange(request.content, process, cut)
            answer = read_answer(request, reply)
        except UnreachableError:
            self.tally.unreachable += 1
        except (ValueError, KeyError, TypeError):
            answer = Answer(INTERNAL)
        finally:  # of a caller who is sent away too: it may have been done
            self.tally.in_flight -= 1
            ended = self.clock()
            self._count(operation, answer, cut, ended - began)
            self._judge(operation, clinic, answer, expected)
            self.journal.append(_entry(number, operation, clinic.id, began, ended, asked, answer))
        return answer

    def wrong(self, rule: str, organization: UUID | None, what: str) -> None:
        if len(self.anomalies) < ANOMALIES_MAX:
            self.anomalies.append(Anomaly(rule, organization, what))

    def _count(self, operation: str, answer: Answer, cut: Cut | None, seconds: float) -> None:
        self.tally.outcomes[operation, answer.outcome] += 1
        if cut is not None:
            self.tally.cuts[cut] += 1
        elif answer.outcome is not None:
            self.tally.seconds.append(seconds)

    def _judge(
        self, operation: str, clinic: Clinic, answer: Answer, expected: frozenset[str] | None
    ) -> None:
        if answer.outcome == INTERNAL:
            self.wrong("internal_error", clinic.id, f"{operation}: {answer.body[:200]!r}")
        elif answer.outcome is not None and expected is not None and answer.outcome not in expected:
            self.wrong("unexpected_answer", clinic.id, f"{operation}: {answer.outcome}")


def _entry(
    number: int,
    operation: str,
    organization: UUID,
    began: float,
    ended: float,
    asked: Mapping[str, Any],
    answer: Answer,
) -> Entry:
    told = {name: answer.told[name] for name in _KEPT if answer.told.get(name) is not None}
    return Entry(
        number=number,
        operation=operation,
        org_id=organization,
        began=began,
        ended=ended,
        asked={name: value for name, value in asked.items() if value is not None},
        outcome=answer.outcome,
        appointment_id=answer.appointment_id,
        version=answer.version,
        replayed=answer.replayed,
        answer=told,
    )

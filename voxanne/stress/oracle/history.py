"""An appointment's events, replayed: do they tell how its row came to be as it is?

What an event means is docs/reference/webhooks.md's: an appointment begins by being booked or held;
each move, cancellation, mark of staff and release is one version more; what else is told of it
(a reminder sent, a patient who confirms) is none. Two things raise the version without an event of
the appointment's: something else takes the place of a hold, and its person is erased.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from voxanne.stress.oracle.finding import Finding

BEGINNINGS = {"booked": "confirmed", "held": "held"}
# Kind → the states it may come from, and the one it leads to.
CHANGES = {
    "moved": (("confirmed",), "confirmed"),
    "cancelled": (("confirmed",), "cancelled"),
    "completed": (("confirmed", "no_show"), "completed"),
    "no_show": (("confirmed", "completed"), "no_show"),
    "confirmed": (("completed", "no_show"), "confirmed"),
    "released": (("held",), "expired"),
}
# Kind → the states in which it may be told of an appointment.
REMARKS = {"patient_confirmed": ("confirmed",), "waitlist_offered": ("held",)}

ROWS = """
SELECT org_id, id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
  coalesce(blocked_from, scheduled_at) AS blocked_from,
  coalesce(blocked_until, ends_at) AS blocked_until,
  status, version, patient_confirmed_at IS NOT NULL AS confirmed_by_patient,
  metadata ? 'erased' AS erased, source, idempotency_key,
  metadata #>> '{patient,phone}' AS phone, metadata #>> '{patient,name}' AS name,
  metadata #>> '{patient,contact_phone}' AS contact_phone, created_at, updated_at
FROM appointments ORDER BY org_id, id
"""
# By id: of one appointment's events, each is written under its row's lock.
EVENTS = """
SELECT org_id, appointment_id, kind, created_at, (data ->> 'version')::integer AS version,
  (data ->> 'from')::timestamptz AS from_, (data ->> 'to')::timestamptz AS to,
  (data ->> 'from_practitioner_id')::uuid AS from_practitioner,
  (data ->> 'to_practitioner_id')::uuid AS to_practitioner
FROM events WHERE appointment_id IS NOT NULL AND kind = ANY ($1)
ORDER BY org_id, appointment_id, id
"""
RULES = ("event_beginning", "event_order", "version_gap", "state_differs")


class Row(NamedTuple):
    """An appointment as it is stored; `blocked_…` is its time with the buffers."""

    org_id: UUID
    id: UUID
    practitioner: UUID
    room: UUID | None
    service: str
    starts: datetime
    ends: datetime
    blocked_from: datetime
    blocked_until: datetime
    status: str
    version: int
    confirmed_by_patient: bool
    erased: bool
    source: str
    key: str | None
    phone: str | None
    name: str | None
    contact_phone: str | None
    created_at: datetime
    updated_at: datetime


class Told(NamedTuple):
    """An event of an appointment. Of a move: from where to where."""

    org_id: UUID
    appointment_id: UUID
    kind: str
    at: datetime
    version: int | None
    from_: datetime | None
    to: datetime | None
    from_practitioner: UUID | None
    to_practitioner: UUID | None


class State(NamedTuple):
    """Where an appointment was as of a version; `since` by the database's clock."""

    version: int
    status: str
    starts: datetime
    practitioner: UUID
    since: datetime


@dataclass
class History:
    """The row, what its events make of it, and what doesn't fit, as (rule, what)."""

    row: Row
    kind: str | None = None
    states: list[State] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    @property
    def length(self) -> timedelta:
        return self.row.ends - self.row.starts


def replay(row: Row, events: Sequence[Told]) -> History:
    """Forwards for the state, and the first start and practitioner from the first move."""
    history = History(row)
    begun = [told for told in events if told.kind in BEGINNINGS]
    if len(begun) != 1 or events[0] is not begun[0]:
        kinds = ", ".join(told.kind for told in events) or "none"
        history.wrong.append(("event_beginning", f"its events: {kinds}"))
        return history
    history.kind = begun[0].kind
    first = next((told for told in events if told.kind == "moved"), None)
    starts = first.from_ if first and first.from_ else row.starts
    practitioner = (first and first.from_practitioner) or row.practitioner
    status = BEGINNINGS[begun[0].kind]
    history.states.append(State(1, status, starts, practitioner, begun[0].at))
    said_to_come = False
    for told in events[1:]:
        _follow(history, told)
        said_to_come = told.kind == "patient_confirmed" or (said_to_come and told.kind != "moved")
    _compare(history, said_to_come)
    return history


def _follow(history: History, told: Told) -> None:
    before = history.states[-1]
    allowed, status = CHANGES.get(told.kind, (REMARKS.get(told.kind, ()), before.status))
    if before.status not in allowed:
        history.wrong.append(("event_order", f"{told.kind} while {before.status}"))
    version = before.version + (told.kind in CHANGES)
    if told.version is not None and told.version != version:
        said = f"{told.kind} is version {told.version}, not {version}"
        history.wrong.append(("version_gap", said))
    if told.kind not in CHANGES:
        return
    starts, practitioner = before.starts, before.practitioner
    if told.kind == "moved":
        if (told.from_, told.from_practitioner) != (starts, practitioner):
            history.wrong.append(("event_order", f"moved from elsewhere at {told.at.isoformat()}"))
        starts, practitioner = told.to or starts, told.to_practitioner or practitioner
    history.states.append(State(version, status, starts, practitioner, told.at))


def _compare(history: History, said_to_come: bool) -> None:
    row, last = history.row, history.states[-1]
    status, version = last.status, last.version
    if (status, row.status) == ("held", "expired"):
        status, version = "expired", version + 1
    version += row.erased
    if row.version != version:
        history.wrong.append(("version_gap", f"version {row.version}, by its events {version}"))
    for name, stored, told in (
        ("status", row.status, status),
        ("start", row.starts, last.starts),
        ("practitioner", row.practitioner, last.practitioner),
        ("the patient's word", row.confirmed_by_patient, said_to_come),
        ("creation", row.created_at, history.states[0].since),
    ):
        if stored != told:
            history.wrong.append(("state_differs", f"{name} {stored}, by its events {told}"))


async def read_histories(connection: asyncpg.Connection) -> AsyncIterator[History]:
    """Every appointment with its events, side by side through both tables, in the order of ids."""
    kinds = [*BEGINNINGS, *CHANGES, *REMARKS]
    events = connection.cursor(EVENTS, kinds, prefetch=2_000).__aiter__()
    waiting = await _next(events)
    async for found in connection.cursor(ROWS, prefetch=2_000):
        row = Row(*found)
        theirs = []
        # An event of no appointment is another rule's.
        while waiting and (waiting.org_id, waiting.appointment_id) <= (row.org_id, row.id):
            if waiting.appointment_id == row.id:
                theirs.append(waiting)
            waiting = await _next(events)
        yield replay(row, theirs)


async def _next(events: AsyncIterator[asyncpg.Record]) -> Told | None:
    record = await anext(events, None)
    return None if record is None else Told(*record)


class HistoryRules:
    """The four rules of a history, filled one appointment after the other."""

    def __init__(self) -> None:
        self.findings = {rule: Finding(rule) for rule in RULES}

    def take(self, history: History) -> None:
        for finding in self.findings.values():
            finding.looked += 1
        for rule, what in history.wrong:
            self.findings[rule].add(history.row.org_id, f"appointment {history.row.id}: {what}")

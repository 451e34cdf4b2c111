"""What was refused: rightly, and without a trace.

SLOT_UNAVAILABLE is right when something live kept some of the wanted time at some moment of the
operation. Which practitioners were open then isn't known here, so that one conflict is enough where
the caller named nobody. Where calendars keep time too, nothing is said.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from voxanne.stress.oracle.finding import Finding
from voxanne.stress.oracle.history import History, State
from voxanne.stress.oracle.journal import Entry
from voxanne.stress.oracle.ledger import (
    Kind,
    Ledger,
    id_in,
    is_done,
    is_unsettled,
    last_digits,
    start_in,
    subject_of,
)

UNAVAILABLE = "SLOT_UNAVAILABLE"
# From the moment that a writer reads under its locks until others see what it wrote: it may have
# been stopped in between.
COMMIT_SECONDS_MAX = 30.0
DAY = timedelta(days=1)

SERVICES = """
SELECT org_id, key, duration_minutes AS minutes, buffer_before_minutes AS before,
  buffer_after_minutes AS after
FROM services
WHERE active
  AND NOT EXISTS (
    SELECT FROM room_services JOIN rooms USING (org_id)
    WHERE room_services.org_id = services.org_id AND service_key = key AND rooms.id = room_id
      AND NOT rooms.active)
"""
WITH_CALENDARS = "SELECT DISTINCT org_id FROM calendar_connections"


class Span(NamedTuple):
    from_: datetime
    until: datetime


class Kept(NamedTuple):
    """Time that an appointment kept, as of one of its versions; `until` None: to this day."""

    appointment: UUID
    practitioner: UUID
    room: UUID | None
    time: Span
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Clocks:
    """The database's clock when the journal's showed 0: somewhere between the two."""

    earliest: datetime
    latest: datetime

    def moments(self, entry: Entry) -> Span:
        """When the operation was under way, at the widest."""
        return Span(
            self.earliest + timedelta(seconds=entry.began - COMMIT_SECONDS_MAX),
            self.latest + timedelta(seconds=entry.ended + COMMIT_SECONDS_MAX),
        )


def compare_clocks(ledger: Ledger, histories: Mapping[UUID, History]) -> Clocks | None:
    """From what was new when it was answered: it was stored between its operation's two ends."""
    earliest: list[datetime] = []
    latest: list[datetime] = []
    for entry in ledger.of(Kind.BOOK):
        history = histories.get(entry.appointment_id) if entry.appointment_id else None
        if history is not None and is_done(entry) and not entry.replayed:
            earliest.append(history.row.created_at - timedelta(seconds=entry.ended))
            latest.append(history.row.created_at - timedelta(seconds=entry.began))
    if not earliest:
        return None
    # A clock that was set meanwhile makes the two cross.
    return Clocks(min(max(earliest), min(latest)), max(max(earliest), min(latest)))


class Diary:
    """What was kept, by clinic and day."""

    def __init__(self, ledger: Ledger, histories: Mapping[UUID, History]) -> None:
        self._days: dict[tuple[UUID, date], list[Kept]] = defaultdict(list)
        for history in histories.values():
            if history.row.org_id not in ledger.organizations:
                continue
            longest = history.row.id in ledger.lengths_changed
            for kept in _kept(history, longest=longest):
                for day in _days(kept.time):
                    self._days[history.row.org_id, day].append(kept)

    def kept(self, org_id: UUID, time: Span) -> Iterator[Kept]:
        for day in _days(time):
            for kept in self._days.get((org_id, day), ()):
                if kept.time.from_ < time.until and time.from_ < kept.time.until:
                    yield kept


def _kept(history: History, *, longest: bool) -> Iterator[Kept]:
    if not history.states:
        return
    row = history.row
    before, after = row.starts - row.blocked_from, row.blocked_until - row.ends
    length = DAY if longest else history.length
    following: list[State | None] = [*history.states[1:], None]
    for state, next_ in zip(history.states, following, strict=True):
        if state.status not in ("held", "confirmed"):
            continue
        until = next_.since if next_ else row.updated_at if row.status == "expired" else None
        time = Span(state.starts - before, state.starts + length + after)
        yield Kept(row.id, state.practitioner, row.room, time, state.since, until)


def _days(time: Span) -> Iterator[date]:
    day, last = time.from_.date(), time.until.date()
    while day <= last:
        yield day
        day += DAY


async def check_refusals(
    connection: asyncpg.Connection, ledger: Ledger, histories: Mapping[UUID, History]
) -> list[Finding]:
    return [
        await _check_unavailable(connection, ledger, histories),
        _check_written(ledger, histories),
    ]


async def _check_unavailable(
    connection: asyncpg.Connection, ledger: Ledger, histories: Mapping[UUID, History]
) -> Finding:
    finding = Finding("refused_for_nothing")
    clocks = compare_clocks(ledger, histories)
    if clocks is None:
        return finding
    unseen = {row["org_id"] for row in await connection.fetch(WITH_CALENDARS)}
    services = {(row["org_id"], row["key"]): row for row in await connection.fetch(SERVICES)}
    diary = Diary(ledger, histories)
    for kind, entry in ledger.entries:
        if entry.outcome != UNAVAILABLE or entry.org_id in unseen:
            continue
        time = _wanted(kind, entry, services, histories)
        if time is None:
            continue
        finding.looked += 1
        if not _is_justified(entry, diary.kept(entry.org_id, time), clocks.moments(entry)):
            what = f"operation {entry.number} ({entry.operation}) for {time.from_.isoformat()}"
            finding.add(entry.org_id, what)
    return finding


def _wanted(
    kind: Kind,
    entry: Entry,
    services: Mapping[tuple[UUID, str], asyncpg.Record],
    histories: Mapping[UUID, History],
) -> Span | None:
    """The time it would have kept, buffers included; None where that isn't known."""
    start = start_in(entry.asked)
    if start is None:
        return None
    if kind is Kind.MOVE:
        subject = subject_of(entry)
        history = histories.get(subject) if subject else None
        if history is None or entry.asked.get("duration_minutes"):
            return None
        row = history.row
        return Span(
            start - (row.starts - row.blocked_from), start + (row.blocked_until - row.starts)
        )
    service = services.get((entry.org_id, str(entry.asked.get("service")).lower()))
    if service is None or kind not in (Kind.BOOK, Kind.HOLD):
        return None
    return Span(
        start - timedelta(minutes=service["before"]),
        start + timedelta(minutes=service["minutes"] + service["after"]),
    )


def _is_justified(entry: Entry, conflicts: Iterator[Kept], moments: Span) -> bool:
    practitioner = id_in(entry.asked, "practitioner_id")
    subject = id_in(entry.asked, "appointment_id")
    return any(
        kept.appointment != subject
        and (practitioner in (None, kept.practitioner) or kept.room is not None)
        and kept.since <= moments.until
        and (kept.until is None or kept.until >= moments.from_)
        for kept in conflicts
    )


def _check_written(ledger: Ledger, histories: Mapping[UUID, History]) -> Finding:
    """What every asker was refused under a key isn't stored under it."""
    finding = Finding("refused_and_written")
    refused: dict[tuple[UUID, str], Entry] = {}
    possible: set[tuple[UUID, str]] = set()
    for _, entry in ledger.entries:
        for key in _keys(entry):
            if is_done(entry) or is_unsettled(entry):
                possible.add((entry.org_id, key))
            else:
                refused.setdefault((entry.org_id, key), entry)
    finding.looked = len(refused)
    stored = {
        (history.row.org_id, history.row.key): history.row.id
        for history in histories.values()
        if history.row.key is not None
    }
    for place, entry in refused.items():
        if place in stored and place not in possible:
            said = f"operation {entry.number} ({entry.operation}, {entry.outcome})"
            finding.add(entry.org_id, f"{said}: appointment {stored[place]}")
    return finding


def _keys(entry: Entry) -> Iterator[str]:
    """The key as it may be stored: as it is, and without the path a caller put before it."""
    if key := entry.asked.get("key"):
        yield str(key)
        if "/" in str(key):
            yield str(key).rpartition("/")[2]


def check_strangers(ledger: Ledger, histories: Mapping[UUID, History]) -> Finding:
    """Who called one clinic alone is known to no other."""
    finding = Finding("caller_in_another_clinic")
    asked: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    for _, entry in ledger.entries:
        name, phone = entry.asked.get("name"), entry.asked.get("phone")
        if name and phone:
            asked[_person(name, phone)].add(entry.org_id)
    for history in histories.values():
        row = history.row
        if row.org_id in ledger.organizations and row.name and row.phone:
            finding.looked += 1
            called = asked.get(_person(row.name, row.phone))
            if called and row.org_id not in called:
                finding.add(row.org_id, f"appointment {row.id} is somebody's who never called here")
    return finding


def _person(name: object, phone: object) -> tuple[str, str]:
    return " ".join(str(name).casefold().split()), last_digits(phone)

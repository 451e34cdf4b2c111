"""What callers were told is so, and nothing is so that nobody asked for."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from voxanne.stress.oracle.finding import Finding
from voxanne.stress.oracle.history import History, State
from voxanne.stress.oracle.journal import Entry
from voxanne.stress.oracle.ledger import (
    Kind,
    Ledger,
    id_in,
    is_done,
    same_number,
    start_in,
    subject_of,
)

Histories = Mapping[UUID, History]


def check_acknowledged(ledger: Ledger, histories: Histories) -> list[Finding]:
    """Each done booking, hold, move and cancellation is in the history of its appointment.

    What later operations made of it is the history's to tell; that nobody but they did, is
    `change_nobody_asked_for`'s.
    """
    lost = Finding("acknowledged_and_lost")
    differs = Finding("acknowledged_otherwise")
    for kind, entry in ledger.entries:
        subject = subject_of(entry)
        if not is_done(entry) or subject is None or kind in (Kind.NOTHING, Kind.ANYTHING):
            continue
        lost.looked += 1
        history = histories.get(subject)
        if history is None or history.row.org_id != entry.org_id:
            lost.add(entry.org_id, f"{_said(entry)}: no appointment {subject}")
        elif kind is Kind.CANCEL:
            if history.row.status != "cancelled":
                said = f"{_said(entry)}: appointment {subject} is {history.row.status}"
                lost.add(entry.org_id, said)
        elif history.states:
            differs.looked += 1
            if not any(_agrees(entry, state) for state in _states(kind, entry, history)):
                differs.add(entry.org_id, f"{_said(entry)}: appointment {subject} never was so")
    return [lost, differs]


def _states(kind: Kind, entry: Entry, history: History) -> Iterator[State]:
    """Those that the entry may have been told of. A replay is told how it stands now."""
    for state in history.states:
        if entry.version is not None and state.version != entry.version:
            continue
        if kind is Kind.MOVE or entry.replayed or state.version == 1:
            yield state
    if entry.version is not None and entry.version > history.states[-1].version:
        yield history.states[-1]  # an erasure, which is no event of the appointment's


def _agrees(entry: Entry, state: State) -> bool:
    start = start_in(entry.answer)
    practitioner = id_in(entry.answer, "practitioner_id")
    if start is None and not entry.replayed:
        start = start_in(entry.asked)
    return start in (None, state.starts) and practitioner in (None, state.practitioner)


def check_asked(ledger: Ledger, histories: Histories) -> list[Finding]:
    """Of the journal's clinics: every appointment, move and cancellation was asked for."""
    appointments = Finding("appointment_nobody_asked_for")
    changes = Finding("change_nobody_asked_for")
    possible = {
        kind: _Possible(ledger, kind) for kind in (Kind.BOOK, Kind.HOLD, Kind.MOVE, Kind.CANCEL)
    }
    unexplained: list[tuple[Kind, History]] = []
    for history in histories.values():
        if history.row.org_id not in ledger.organizations or not history.states:
            continue
        kind = Kind.HOLD if history.kind == "held" else Kind.BOOK
        if history.row.source != "waitlist" or kind is Kind.BOOK:
            appointments.looked += 1
            if not _was_done(ledger, kind, history):
                unexplained.append((kind, history))
        for before, after in zip(history.states, history.states[1:], strict=False):
            _check_change(ledger, possible, changes, history, before, after)
    _match(possible, appointments, unexplained)
    return [appointments, changes]


def _was_done(ledger: Ledger, kind: Kind, history: History) -> bool:
    return any(
        known in (kind, Kind.ANYTHING) and entry.org_id == history.row.org_id
        for known, entry in ledger.done.get(history.row.id, ())
    )


class _Possible:
    """Operations of a kind of which it isn't known what they did."""

    def __init__(self, ledger: Ledger, kind: Kind) -> None:
        self.by_start: dict[tuple[UUID, datetime | None], list[Entry]] = defaultdict(list)
        self.named: set[tuple[UUID, UUID | None, datetime | None]] = set()
        for org_id in ledger.organizations:
            for entry in ledger.may_have(org_id, kind):
                start = None if kind is Kind.CANCEL else start_in(entry.asked)
                self.by_start[org_id, start].append(entry)
                self.named.add((org_id, id_in(entry.asked, "appointment_id"), start))

    def take(self, history: History) -> bool:
        """Uses up one that may have made it; those that name nothing only when none other can."""
        row, start = history.row, history.states[0].starts
        for wanted in (start, None):
            entries = self.by_start.get((row.org_id, wanted), [])
            for with_number in (True, False):
                for place, entry in enumerate(entries):
                    if bool(entry.asked.get("phone")) is with_number and _is_of(entry, history):
                        del entries[place]
                        return True
        return False

    def fits(self, history: History, start: datetime | None) -> bool:
        row = history.row
        return any(
            (row.org_id, subject, at) in self.named
            for subject in (row.id, None)
            for at in (start, None)
        )


def _is_of(entry: Entry, history: History) -> bool:
    """Whether it may be the caller's: whose a hold or an erased one was isn't known."""
    asked, row = entry.asked.get("phone"), history.row
    return same_number(asked, row.phone) or (
        bool(row.contact_phone) and same_number(asked, row.contact_phone)
    )


def _match(
    possible: Mapping[Kind, _Possible],
    appointments: Finding,
    unexplained: list[tuple[Kind, History]],
) -> None:
    """Each that nobody was told of needs an operation of its own that may have made it."""
    for kind, history in unexplained:
        if not possible[kind].take(history):
            start = history.states[0].starts.isoformat()
            appointments.add(history.row.org_id, f"appointment {history.row.id} at {start}")


def _check_change(
    ledger: Ledger,
    possible: Mapping[Kind, _Possible],
    changes: Finding,
    history: History,
    before: State,
    after: State,
) -> None:
    if after.status == "cancelled":
        kind, start = Kind.CANCEL, None
    elif (before.starts, before.practitioner) != (after.starts, after.practitioner):
        kind, start = Kind.MOVE, after.starts
    else:
        return  # marked by staff, or a hold that ended
    changes.looked += 1
    asked = any(
        known is Kind.ANYTHING
        or (
            known is kind
            and (start is None or start in (start_in(entry.answer), start_in(entry.asked)))
        )
        for known, entry in ledger.done.get(history.row.id, ())
        if entry.org_id == history.row.org_id
    )
    if not asked and not possible[kind].fits(history, start):
        what = f"appointment {history.row.id}, version {after.version}: {kind.value}"
        changes.add(history.row.org_id, what)


def check_keys(ledger: Ledger, histories: Histories) -> list[Finding]:
    """One key is one booking, whatever was answered how often; a replay names the same one."""
    keys, replays = Finding("key_answered_twice"), Finding("replay_of_another")
    named: dict[tuple[UUID, str], Entry] = {}
    new: dict[UUID, Entry] = {}
    for entry in ledger.of(Kind.BOOK):
        if not is_done(entry) or entry.appointment_id is None:
            continue
        if key := entry.asked.get("key"):
            keys.looked += 1
            first = named.setdefault((entry.org_id, str(key)), entry)
            if first.appointment_id != entry.appointment_id:
                said = f"{_said(first)} and {_said(entry)}: appointments {first.appointment_id}"
                keys.add(entry.org_id, f"{said} and {entry.appointment_id}")
        replays.looked += 1
        if not entry.replayed:
            first = new.setdefault(entry.appointment_id, entry)
            if first is not entry:
                said = f"{_said(first)} and {_said(entry)}: both new, appointment"
                replays.add(entry.org_id, f"{said} {entry.appointment_id}")
        elif history := histories.get(entry.appointment_id):
            start = start_in(entry.asked)
            never = start and all(state.starts != start for state in history.states)
            if never or not _is_of(entry, history):
                replays.add(entry.org_id, f"{_said(entry)}: appointment {entry.appointment_id}")
    return [keys, replays]


def check_order(ledger: Ledger) -> Finding:
    """Of one appointment, what was asked after something else was answered has no older version.

    The answer of a repeated move or cancellation is the first one's, and says nothing of now.
    """
    finding = Finding("acknowledged_out_of_order")
    for subject, done in ledger.done.items():
        told = [
            entry
            for kind, entry in done
            if entry.version is not None
            and kind in (Kind.BOOK, Kind.MOVE, Kind.CANCEL)
            and (kind is Kind.BOOK or not entry.replayed)
        ]
        finding.looked += len(told)
        ended = sorted(told, key=lambda entry: entry.ended)
        passed, highest = 0, 0
        for entry in sorted(told, key=lambda entry: entry.began):
            while passed < len(ended) and ended[passed].ended < entry.began:
                highest = max(highest, ended[passed].version or 0)
                passed += 1
            if (entry.version or 0) < highest:
                said = f"{_said(entry)}: version {entry.version} of appointment {subject}"
                finding.add(entry.org_id, f"{said} after version {highest}")
    return finding


def _said(entry: Entry) -> str:
    return f"operation {entry.number} ({entry.operation})"

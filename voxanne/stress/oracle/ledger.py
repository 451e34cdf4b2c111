"""The journal's entries, sorted by what they may have done.

An operation is read by its name: what is in WORDS says what it asked for. What has another name is
taken to be capable of anything, so that nothing is held against it.

`asked` is read for start, practitioner_id, service, phone, name, key, appointment_id and
duration_minutes; `answer` for startsAt (or scheduled_at), practitioner_id and hold_id.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from voxanne.stress.oracle.journal import Entry, Journal

SUCCESS = "SUCCESS"
DIGITS_COMPARED = 7
# An answer after which nobody knows whether it was done: the session may have died as it committed.
UNSETTLED = ("BUSY", "INTERNAL_ERROR")
STARTS = ("startsAt", "starts_at", "scheduledAt", "scheduled_at", "start", "to")


class Kind(Enum):
    BOOK = "book"
    HOLD = "hold"
    MOVE = "move"
    CANCEL = "cancel"
    NOTHING = "nothing"
    ANYTHING = "anything"


# In this order: a `staff_overbook` books, a `book_held` too, and a `release` of a hold makes none.
WORDS = (
    (Kind.NOTHING, ("release",)),
    (Kind.CANCEL, ("cancel",)),
    (Kind.MOVE, ("move", "reschedule")),
    (
        Kind.BOOK,
        ("book", "retry", "duplicate", "twin", "race", "accept", "repeat", "reuse", "soon"),
    ),
    (Kind.HOLD, ("hold",)),
    (Kind.NOTHING, ("check", "read", "look", "list", "offers", "wait", "join", "decline")),
    (Kind.NOTHING, ("foreign", "nonsense")),
    (Kind.NOTHING, ("mark", "complete", "no_show", "confirm")),
)


def kind_of(entry: Entry) -> Kind:
    name = entry.operation.lower()
    for kind, words in WORDS:
        if any(word in name for word in words):
            return kind
    return Kind.ANYTHING


def is_done(entry: Entry) -> bool:
    return entry.outcome == SUCCESS


def is_unsettled(entry: Entry) -> bool:
    """Nobody was told, so it may have happened or not."""
    outcome = entry.outcome
    return outcome is None or outcome in UNSETTLED or outcome.startswith("HTTP 5")


def id_in(said: dict[str, Any], name: str) -> UUID | None:
    """An id as text or UUID; None where there is none, or what is there isn't one."""
    try:
        return UUID(str(said.get(name)))
    except ValueError:
        return None


def start_in(said: dict[str, Any]) -> datetime | None:
    """The start that is named, if it is a moment."""
    for name in STARTS:
        value = said.get(name)
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            continue
        return moment if moment.tzinfo else None
    return None


def subject_of(entry: Entry) -> UUID | None:
    """The appointment or hold it made, changed or was about, as far as it is known."""
    for known in (
        entry.appointment_id,
        id_in(entry.answer, "appointment_id"),
        id_in(entry.answer, "hold_id") if kind_of(entry) is Kind.HOLD else None,
        id_in(entry.asked, "appointment_id"),
    ):
        if known is not None:
            return known
    return None


class Ledger:
    """The entries of a journal by kind, and what can be asked of them."""

    def __init__(self, journal: Journal) -> None:
        self.entries = [(kind_of(entry), entry) for entry in journal.entries]
        self.organizations = {entry.org_id for _, entry in self.entries}
        self.done: dict[UUID, list[tuple[Kind, Entry]]] = defaultdict(list)
        self.unsettled: dict[tuple[UUID, Kind], list[Entry]] = defaultdict(list)
        self.lengths_changed: set[UUID] = set()
        for kind, entry in self.entries:
            subject = subject_of(entry)
            if is_done(entry) and subject is not None:
                self.done[subject].append((kind, entry))
            elif is_done(entry) or is_unsettled(entry):
                # Done, but what to isn't known: it may have been anything that fits.
                self.unsettled[entry.org_id, kind].append(entry)
            if kind is Kind.MOVE and entry.asked.get("duration_minutes") and subject is not None:
                self.lengths_changed.add(subject)

    def of(self, kind: Kind) -> Iterator[Entry]:
        return (entry for known, entry in self.entries if known is kind)

    def may_have(self, org_id: UUID, kind: Kind) -> Iterable[Entry]:
        """Entries of which it isn't known whether they did something of this kind."""
        yield from self.unsettled.get((org_id, kind), ())
        yield from self.unsettled.get((org_id, Kind.ANYTHING), ())


def same_number(one: object, other: object) -> bool:
    """Whether two ways of writing a number may be one number: by its last digits."""
    first, second = last_digits(one), last_digits(other)
    return not first or not second or first == second


def last_digits(phone: object) -> str:
    """Of a number, however it is written; empty where there is none."""
    digits = [character for character in str(phone or "") if character.isdigit()]
    return "".join(digits[-DIGITS_COMPARED:])

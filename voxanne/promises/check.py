"""What was said, compared with what the diary has: the findings, and one word for them all.

A finding that alarms is one of which the rules are sure: the caller was told something that isn't
so. The platform's analysis alone, without a word of the agent's, never alarms. The other findings
are shown to whoever looks at the call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from voxanne.promises.phrases import Kind
from voxanne.promises.reading import Commitment, Denial, Reading, read_commitments
from voxanne.promises.times import When, find_times
from voxanne.promises.turns import read_turns, without_interruptions

Promise = Literal["none", "kept", "mismatch", "unclear"]
FINDINGS_MAX: Final = 20
ANALYSIS: Final = "The platform's analysis of the call"


class Rule(StrEnum):
    BOOKED_NOT_FOUND = "said_booked_not_found"
    OTHER_DAY = "said_other_day"
    OTHER_TIME = "said_other_time"
    CANCELLED_STILL_THERE = "said_cancelled_still_there"
    MOVED_NOT_MOVED = "said_moved_not_moved"
    # These never alarm:
    CANCELLED_NOT_FOUND = "said_cancelled_not_found"
    MESSAGE_NOT_FOUND = "said_message_not_found"
    WAITLIST_NOT_FOUND = "said_waitlist_not_found"
    WILL_BOOK = "said_will_book"
    BOOKED_BUT_SAID_NOT = "booked_but_said_not"
    # A language model's, where one was asked (deliveries/promise_model.py):
    MODEL = "model_says_mismatch"


@dataclass(frozen=True, slots=True)
class Entry:
    """An appointment as the diary had it when the call was over; times are the clinic's local.

    `standing`: it takes place. `booked`, `cancelled`: during the call; `moved_from`: where it was
    before it was moved during the call.
    """

    at: datetime
    standing: bool = True
    booked: bool = False
    cancelled: bool = False
    moved_from: datetime | None = None

    @property
    def touched(self) -> bool:
        return self.booked or self.cancelled or self.moved_from is not None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the diary has to do with a call. `messages`, `waitlist`: how many were taken in it."""

    entries: Sequence[Entry] = ()
    messages: int = 0
    waitlist: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A call: what was said, and when it began, in the clinic's local time. `structured`: what the
    platform's analysis made of it, see inbound/voice/call_reports.py.
    """

    transcript: str
    began: datetime
    transcript_cut: bool = False
    structured: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """`said`: the sentence; `ledger`: the time the diary has instead, if any."""

    rule: Rule
    said: str
    ledger: datetime | None = None
    alarm: bool = False

    def as_row(self) -> dict[str, object]:
        at = None if self.ledger is None else self.ledger.isoformat()
        return {"rule": str(self.rule), "said": self.said, "ledger": at, "alarm": self.alarm}


@dataclass(frozen=True, slots=True)
class Verdict:
    promise: Promise
    findings: tuple[Finding, ...] = ()


def check_call(said: Said, ledger: Ledger) -> Verdict:
    """Pure, and raises nothing, whatever was said."""
    turns = without_interruptions(read_turns(said.transcript))
    reading = read_commitments(turns, said.began.date())
    commitments = reading.commitments or _analysed(said, reading)
    findings = [*_compared(commitments, reading, ledger), *_unsaid(reading, commitments, ledger)]
    heard = bool(reading.commitments) and any(turn.speaker == "agent" for turn in turns)
    findings = [
        finding if finding.alarm and heard and not said.transcript_cut else _quiet(finding)
        for finding in findings
    ][:FINDINGS_MAX]
    if any(finding.alarm for finding in findings):
        return Verdict("mismatch", tuple(findings))
    if findings:
        return Verdict("unclear", tuple(findings))
    return Verdict("kept" if commitments else "none")


def read_ledger(ledger: Mapping[str, Any], zone: ZoneInfo) -> Ledger:
    """As call_ledger.sql answers it."""

    def local(at: str | None) -> datetime | None:
        return None if at is None else datetime.fromisoformat(at).astimezone(zone)

    entries = []
    for row in ledger["appointments"]:
        at = local(row["scheduled_at"])
        assert at is not None
        entries.append(
            Entry(at, row["standing"], row["booked"], row["cancelled"], local(row["moved_from"]))
        )
    return Ledger(entries, ledger["messages"], ledger["waitlist"])


def _quiet(finding: Finding) -> Finding:
    return Finding(finding.rule, finding.said, finding.ledger)


def _analysed(said: Said, reading: Reading) -> list[Commitment]:
    """What the platform's analysis says was done, where nothing was read from the transcript."""
    data = said.structured or {}
    words = [str(data[name]) for name in ("when", "date", "time") if data.get(name)]
    when = find_times(" ".join(words).lower(), "en", said.began.date()) if words else When()
    denied = any(isinstance(it, Denial) for it in reading.found)
    text = f"{ANALYSIS}: {' '.join(words)}".rstrip(": ") if words else ANALYSIS
    return [
        Commitment(kind, text, when, 0, sure=not denied)
        for kind in (Kind.MOVED, Kind.CANCELLED, Kind.BOOKED)
        if data.get(str(kind)) is True
    ][:1]


def _compared(commitments: Sequence[Commitment], reading: Reading, ledger: Ledger) -> list[Finding]:
    """One finding at most for each commitment that the diary doesn't bear out and that nothing
    said later replaces."""
    stands = [
        (it, _bears_out(it, ledger, commitments[at + 1 :]))
        for at, it in enumerate(commitments)
        if not _is_replaced(it, commitments[at + 1 :], reading)
    ]
    taken = {id(entry) for _, entry in stands if isinstance(entry, Entry)}
    free = [entry for entry in ledger.entries if id(entry) not in taken]
    return [_finding(it, free, ledger) for it, entry in stands if not entry]


def _bears_out(commitment: Commitment, ledger: Ledger, later: Sequence[Commitment]) -> Entry | bool:
    """The diary's entry that makes it true; True where there are several, or it's no entry."""
    when, entries = commitment.when, ledger.entries
    match commitment.kind:
        case Kind.MESSAGE:
            return ledger.messages > 0
        case Kind.WAITLIST:
            return ledger.waitlist > 0
        case Kind.CANCELLED:
            return _cancelled(when, entries)
        case Kind.MOVED if not when:
            return any(entry.moved_from is not None for entry in entries) or (
                any(entry.booked for entry in entries) and any(entry.cancelled for entry in entries)
            )
        case Kind.BOOKED | Kind.MOVED:
            undone = any(it.kind is Kind.CANCELLED for it in later)
            moved = any(it.kind is Kind.MOVED for it in later)
            fitting = [
                entry
                for entry in entries
                if (entry.standing and when.fits(entry.at))
                or (undone and entry.cancelled and when.fits(entry.at))
                or (moved and entry.moved_from is not None and when.fits(entry.moved_from))
            ]
            return max(fitting, key=lambda entry: entry.touched, default=False)


def _cancelled(when: When, entries: Sequence[Entry]) -> bool:
    still = any(entry.standing and when and when.fits(entry.at) for entry in entries)
    gone = [entry for entry in entries if entry.cancelled and not entry.standing]
    if any(when.fits(entry.at) for entry in gone):
        return True
    moved = any(entry.moved_from is not None and when.fits(entry.moved_from) for entry in entries)
    return bool(moved and when) or (bool(gone) and not still)


def _is_replaced(commitment: Commitment, later: Sequence[Commitment], reading: Reading) -> bool:
    """Something said later stands instead: a correction, or that it came to nothing."""
    changes = (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
    if commitment.kind in changes and any(
        it.kind in changes and not it.additional and it.when.covers(commitment.when) and it.when
        for it in later
    ):
        return True
    if commitment not in reading.found:
        return False
    at = reading.found.index(commitment)
    after = reading.found[at + 1 : at + 2]
    return bool(after) and isinstance(after[0], Denial)


def _finding(commitment: Commitment, free: Sequence[Entry], ledger: Ledger) -> Finding:
    standing = [entry for entry in ledger.entries if entry.standing]
    match commitment.kind:
        case Kind.MESSAGE:
            return Finding(Rule.MESSAGE_NOT_FOUND, commitment.said)
        case Kind.WAITLIST:
            return Finding(Rule.WAITLIST_NOT_FOUND, commitment.said)
        case Kind.CANCELLED:
            fitting = [entry for entry in standing if commitment.when.fits(entry.at)]
            if not fitting:
                return Finding(Rule.CANCELLED_NOT_FOUND, commitment.said)
            return Finding(Rule.CANCELLED_STILL_THERE, commitment.said, fitting[0].at, alarm=True)
        case Kind.BOOKED | Kind.MOVED:
            return _other_time(commitment, [it for it in free if it.standing], standing)


def _other_time(
    commitment: Commitment, free: Sequence[Entry], standing: Sequence[Entry]
) -> Finding:
    """Of a booking or a move: the entry that was meant, most likely, and how it differs."""
    when, moved = commitment.when, commitment.kind is Kind.MOVED
    missing = Rule.MOVED_NOT_MOVED if moved else Rule.BOOKED_NOT_FOUND
    touched = [entry for entry in free if entry.booked or entry.moved_from is not None]
    same_day = [entry for entry in free if when.days and when.fits_day(entry.at)]
    meant = touched or ([] if moved else same_day)
    if not meant or not when:
        left = standing[0].at if standing and moved else None
        return Finding(missing, commitment.said, left, alarm=True)
    entry = next((it for it in meant if when.fits_day(it.at)), meant[0])
    rule = Rule.OTHER_TIME if when.fits_day(entry.at) else Rule.OTHER_DAY
    several = len(when.days) > 1 or len(when.clocks) > 1
    return Finding(rule, commitment.said, entry.at, alarm=commitment.sure and not several)


def _unsaid(reading: Reading, commitments: Sequence[Commitment], ledger: Ledger) -> list[Finding]:
    """What was left open, and what is in the diary although the caller was told that it isn't."""
    booked = next((entry for entry in ledger.entries if entry.standing and entry.booked), None)
    if reading.intended is not None and not commitments:
        touched = any(entry.touched for entry in ledger.entries)
        return [] if touched else [Finding(Rule.WILL_BOOK, reading.intended)]
    last = next(
        (
            it
            for it in reversed(reading.found)
            if isinstance(it, Denial) or it.kind in (Kind.BOOKED, Kind.MOVED)
        ),
        None,
    )
    if booked is None or not isinstance(last, Denial) or not last.plain:
        return []
    return [Finding(Rule.BOOKED_BUT_SAID_NOT, last.said, booked.at)]

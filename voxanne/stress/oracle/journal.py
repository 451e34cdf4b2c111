"""What the callers saw: one entry per operation, in memory and, line by line, in a file.

The workload writes it and the oracle reads it, so it holds what was asked and what was answered,
and nothing that only the database could know. A line is written and flushed before `append`
returns: the journal of a harness that was killed holds all but the line it was writing.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TextIO
from uuid import UUID

SEPARATORS = (",", ":")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as its caller saw it.

    `began` and `ended` are monotonic seconds of one clock for the whole journal: the operation
    took effect, if it did, between the two (one without an answer may do so later as well).
    `outcome` is SUCCESS, a code, or None where no answer came. Times in `asked` and `answer` are
    RFC 3339 with their offset.
    """

    number: int
    operation: str
    org_id: UUID
    began: float
    ended: float
    asked: dict[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    appointment_id: UUID | None = None
    version: int | None = None
    replayed: bool = False
    answer: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The entry as one line of JSON, without its end."""
        held = {name: getattr(self, name) for name in NAMES}
        return json.dumps(held, default=str, separators=SEPARATORS)

    @classmethod
    def of_line(cls, line: str) -> Self:
        """The entry a line holds; ValueError, KeyError or TypeError where it isn't one."""
        told = json.loads(line)
        told["org_id"] = UUID(told["org_id"])
        if told.get("appointment_id") is not None:
            told["appointment_id"] = UUID(told["appointment_id"])
        return cls(**told)


NAMES = tuple(each.name for each in fields(Entry))


class JournalFile:
    """The journal as it is written, on disk alone: a long run's is too much for memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = path.open("w", encoding="utf-8")

    def append(self, entry: Entry) -> None:
        self._file.write(entry.line() + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Journal:
    """The journal as it is read: entries of operations in the order they ended."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: list[Entry] = list(entries)

    def __len__(self) -> int:
        return len(self.entries)

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads a journal; a last line cut short is left out, any other is a ValueError."""
        journal = cls()
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith("\n"):
                    break
                try:
                    journal.entries.append(Entry.of_line(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"{path}:{number} is not an entry of a journal") from error
        return journal

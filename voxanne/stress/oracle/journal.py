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


class Journal:
    """Entries in the order they were appended: of operations ended, so not of those begun."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: list[Entry] = list(entries)
        self._file: TextIO | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def append(self, entry: Entry) -> None:
        """Adds an entry, and its flushed line where the journal is kept in a file."""
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(entry.line() + "\n")
            self._file.flush()

    def to_file(self, path: Path) -> None:
        """Writes what is there to a new file at `path` and keeps appending to it until `close`."""
        self.close()
        self._file = path.open("w", encoding="utf-8")
        self._file.writelines(entry.line() + "\n" for entry in self.entries)
        self._file.flush()

    def close(self) -> None:
        """Closes the file, if there is one; the entries stay."""
        if self._file is not None:
            self._file.close()
            self._file = None

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

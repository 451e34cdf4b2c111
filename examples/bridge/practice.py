"""The practice-management system's side: its own diary, and what came in and is to go out.

SQLite stands for whatever database such a system has. Three tables are all a bridge needs of it.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_TABLES = """
CREATE TABLE IF NOT EXISTS diary (
  appointment_id TEXT PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL,
  starts_at TEXT NOT NULL, ends_at TEXT NOT NULL, service TEXT NOT NULL,
  practitioner_id TEXT NOT NULL, lead_id TEXT, patient TEXT, phone TEXT, updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox (
  webhook_id TEXT PRIMARY KEY, kind TEXT NOT NULL, appointment_id TEXT, lead_id TEXT,
  done INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS outgoing (
  id INTEGER PRIMARY KEY, change TEXT NOT NULL CHECK (change IN ('book', 'move', 'cancel')),
  appointment_id TEXT, body TEXT NOT NULL, outcome TEXT, detail TEXT
);
"""

Change = Literal["book", "move", "cancel"]


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook that came in: ids alone."""

    webhook_id: str
    kind: str
    appointment_id: str | None
    lead_id: str | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the front desk did in its own system, for Voxanne to do too."""

    id: int
    change: Change
    appointment_id: str | None
    body: dict[str, Any]


class Practice:
    """The diary in a file. Each call is a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            database.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            with database:
                yield database

    # What comes in

    def keep(self, told: Told) -> None:
        """Keep a webhook's ids. The same id is the same event, and is kept once."""
        with self._open() as database:
            database.execute(
                "INSERT INTO inbox (webhook_id, kind, appointment_id, lead_id) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (told.webhook_id, told.kind, told.appointment_id, told.lead_id),
            )

    def untreated(self) -> list[Told]:
        with self._open() as database:
            rows = database.execute(
                "SELECT webhook_id, kind, appointment_id, lead_id FROM inbox WHERE NOT done "
                "ORDER BY rowid LIMIT 100"
            )
            return [Told(*row) for row in rows]

    def treated(self, told: Told) -> None:
        with self._open() as database:
            database.execute("UPDATE inbox SET done = 1 WHERE webhook_id = ?", (told.webhook_id,))

    def store(self, appointment: dict[str, Any]) -> None:
        """Put an appointment of Voxanne's into the diary, unless a later state is there already."""
        patient = appointment["patient"] or {}
        with self._open() as database:
            database.execute(
                "INSERT INTO diary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (appointment_id) DO UPDATE SET version = excluded.version, "
                "status = excluded.status, starts_at = excluded.starts_at, "
                "ends_at = excluded.ends_at, service = excluded.service, "
                "practitioner_id = excluded.practitioner_id, lead_id = excluded.lead_id, "
                "patient = excluded.patient, phone = excluded.phone, "
                "updated_at = excluded.updated_at WHERE excluded.version >= diary.version",
                (
                    *(appointment[name] for name in ("id", "version", "status")),
                    *(appointment[name] for name in ("scheduled_at", "ends_at", "service_type")),
                    *(appointment[name] for name in ("practitioner_id", "lead_id")),
                    *(patient.get(name) for name in ("name", "phone")),
                    appointment["updated_at"],
                ),
            )

    def forget(self, lead_id: str) -> None:
        """A person was erased: the diary keeps that the time was taken, and not by whom."""
        with self._open() as database:
            database.execute(
                "UPDATE diary SET lead_id = NULL, patient = NULL, phone = NULL WHERE lead_id = ?",
                (lead_id,),
            )

    def diary(self) -> list[dict[str, Any]]:
        with self._open() as database:
            return [dict(row) for row in database.execute("SELECT * FROM diary ORDER BY starts_at")]

    # What goes out

    def change(self, change: Change, body: dict[str, Any], appointment: str | None = None) -> int:
        """What the front desk did. Its number is the idempotency key of what is sent."""
        with self._open() as database:
            made = database.execute(
                "INSERT INTO outgoing (change, appointment_id, body) VALUES (?, ?, ?)",
                (change, appointment, json.dumps(body)),
            )
            assert made.lastrowid is not None
            return made.lastrowid

    def unsent(self) -> list[Outgoing]:
        with self._open() as database:
            rows = database.execute(
                "SELECT id, change, appointment_id, body FROM outgoing WHERE outcome IS NULL "
                "ORDER BY id LIMIT 100"
            )
            return [Outgoing(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def answered(self, number: int, outcome: str, detail: str = "") -> None:
        """`outcome`: done, or the code of the refusal, which the front desk has to see."""
        with self._open() as database:
            database.execute(
                "UPDATE outgoing SET outcome = ?, detail = ? WHERE id = ?",
                (outcome, detail, number),
            )

    def outcome(self, number: int) -> tuple[str | None, str | None]:
        with self._open() as database:
            row = database.execute("SELECT outcome, detail FROM outgoing WHERE id = ?", (number,))
            outcome, detail = row.fetchone()
            return outcome, detail

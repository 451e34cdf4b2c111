"""Taking over an existing diary: every row in one transaction, kept or undone as a whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.cli.configuring import OwnerSession, require_zone
from voxanne.clinic_files.diary import (
    Diary,
    DiaryAbsence,
    DiaryAppointment,
    Reading,
)
from voxanne.clinic_files.diary_csv import read_csv
from voxanne.clinic_files.diary_ics import read_ics
from voxanne.language.speech import locale_for
from voxanne.postgres.organizations import OrganizationError

SOURCE = "import"
ATTEMPTS_MAX = 3
ANALYZE_AFTER_ROWS = (100, 1000)
ABSENCE_REASON = "imported"  # the file's own words may name a patient

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Import:
    """What is asked for. `format` is .csv or .ics; `service` and `practitioner` are for rows that
    say none; `advance` is told how many rows are done, and of how many.
    """

    organization: UUID
    content: bytes
    format: str
    practitioner: str | None
    service: str
    commit: bool
    skip_conflicts: bool
    advance: Advance


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that can't be imported, when it is, and when what is in its way is: the row of it if it
    came with the same file. Nothing of either patient.
    """

    row: int
    error: Outcome
    message: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    taken_from: datetime | None = None
    taken_until: datetime | None = None
    taken_by_row: int | None = None


@dataclass(slots=True)
class Imported:
    """What came of it. `stored`: whether it was kept. `present` rows were there already."""

    timezone: str
    stored: bool = False
    booked: int = 0
    absent: int = 0
    present: int = 0
    past: int = 0
    cancelled: int = 0
    free: int = 0
    problems: list[Problem] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)


async def import_diary(connection: asyncpg.Connection, wish: Import) -> Imported:
    """Raises ClinicFileError for a file that can't be read, OrganizationError for a practitioner
    or a number of rows that can't be.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return await _import_at_once(connection, wish)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == ATTEMPTS_MAX:
                raise
        except asyncpg.OutOfMemoryError:
            raise OrganizationError(
                "The database can't hold the locks of so many rows at once. Nothing was imported. "
                "Split the file, or raise PostgreSQL's max_locks_per_transaction."
            ) from None
    raise AssertionError("unreachable")


async def _import_at_once(connection: asyncpg.Connection, wish: Import) -> Imported:
    transaction = connection.transaction()
    await transaction.start()
    kept = False
    try:
        clinic = await _load_clinic(connection, wish)
        importer = _Importer(connection, wish, clinic)
        imported = await importer.run(clinic.read(wish))
        kept = wish.commit and (wish.skip_conflicts or not imported.problems)
        imported.stored = kept
    finally:
        await (transaction.commit() if kept else transaction.rollback())
    return imported


@dataclass(frozen=True, slots=True)
class _Clinic:
    timezone: str
    country: str | None
    now: datetime
    until: datetime
    practitioners: Mapping[UUID, str]  # the active ones
    rooms: Mapping[str, UUID]
    services: Mapping[str, tuple[str, int]]  # by key and by name: key and minutes

    def read(self, wish: Import) -> Diary:
        reading = Reading(
            ZoneInfo(self.timezone),
            locale_for(self.country, self.timezone)[1],
            self.now,
            self.until,
        )
        if wish.format == ".csv":
            return read_csv(wish.content, reading)
        return read_ics(
            wish.content, reading, {said: key for said, (key, _) in self.services.items()}
        )


async def _load_clinic(connection: asyncpg.Connection, wish: Import) -> _Clinic:
    """The clinic, with its diary locked: nobody books between two rows, and none waits for one
    practitioner while we wait for another.
    """
    people = await connection.fetch(
        "SELECT id, name FROM practitioners WHERE org_id = $1 AND active AND NOT implicit "
        "ORDER BY id",
        wish.organization,
    )
    practitioners = {row["id"]: row["name"] for row in people}
    await connection.execute(
        "SELECT lock_diary($1, NULL, NULL, $2, true, true)",
        wish.organization,
        sorted([*practitioners, wish.organization]),
    )
    row = await connection.fetchrow(
        "SELECT timezone, country, horizon_days, current_moment() AS now "
        "FROM organizations WHERE id = $1",
        wish.organization,
    )
    if row is None:
        raise OrganizationError("The organization was deleted.")
    require_zone(row["timezone"])
    services = await connection.fetch(
        "SELECT key, lower(name) AS name, duration_minutes FROM services "
        "WHERE org_id = $1 AND active",
        wish.organization,
    )
    rooms = await connection.fetch(
        "SELECT id, lower(name) AS name FROM rooms WHERE org_id = $1 AND active", wish.organization
    )
    return _Clinic(
        row["timezone"],
        row["country"],
        row["now"],
        row["now"] + timedelta(days=row["horizon_days"]),
        practitioners,
        {room["name"]: room["id"] for room in rooms},
        {
            called: (service["key"], service["duration_minutes"])
            for service in services
            for called in (service["name"], service["key"])
        },
    )


class _RefusedError(Exception):
    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message


class _Importer:
    """One attempt, in an open transaction."""

    def __init__(self, connection: asyncpg.Connection, wish: Import, clinic: _Clinic) -> None:
        self.connection = connection
        self.wish = wish
        self.clinic = clinic
        self.imported = Imported(clinic.timezone)
        self.rows: dict[UUID, int] = {}  # the appointments of this file
        self.found: dict[str, list[dict[str, str]]] = {}  # whom a name could mean

    async def run(self, diary: Diary) -> Imported:
        imported = self.imported
        imported.past, imported.cancelled, imported.free = diary.past, diary.cancelled, diary.free
        imported.ignored_columns = list(diary.ignored_columns)
        imported.problems += [
            Problem(problem.row, problem.outcome, problem.message) for problem in diary.problems
        ]
        if self.wish.practitioner is not None:
            try:
                await self._practitioner(None)
            except _RefusedError as error:
                raise OrganizationError(f"--practitioner: {error.message}.") from None
        items: list[DiaryAppointment | DiaryAbsence] = [*diary.appointments, *diary.absences]
        for done, item in enumerate(items, 1):
            try:
                if isinstance(item, DiaryAppointment):
                    await self._book(item)
                else:
                    await self._mark_absent(item)
            except _RefusedError as error:
                imported.problems.append(
                    Problem(item.row, error.outcome, error.message, item.starts_at)
                )
            self.wish.advance(done, len(items))
        imported.problems.sort(key=lambda problem: problem.row)
        await self._send_nobody_a_message()
        if imported.absent:
            # Absences are part of the configuration: one made without them is stale now.
            await self.connection.execute(
                "UPDATE organizations SET version = version + 1 WHERE id = $1",
                self.wish.organization,
            )
        return imported

    async def _book(self, row: DiaryAppointment) -> None:
        practitioner = await self._practitioner(row.practitioner)
        room = None if row.room is None else self.clinic.rooms.get(row.room.lower())
        if row.room is not None and room is None:
            raise _RefusedError(Outcome.NOT_FOUND, "There is no such room")
        service = row.service or self.wish.service
        result = await functions.call_book_appointment(
            OwnerSession(self.connection),
            {
                "p_org_id": self.wish.organization,
                "p_patient_name": row.name,
                "p_patient_email": row.email,
                "p_patient_phone": row.phone.e164,
                "p_phone_verified": row.phone.verified,
                "p_service_type": service,
                "p_scheduled_at": row.starts_at,
                "p_duration_minutes": row.duration_minutes,
                "p_practitioner_id": practitioner,
                "p_room_id": room,
                "p_birth_date": row.birth_date,
                "p_idempotency_key": row.key,
                "p_request_hash": row.request_hash,
                "p_source": SOURCE,
                "p_alternatives": 0,
                "p_metadata": json.dumps({"notes": row.notes} if row.notes else {}),
            },
        )
        if not result["success"]:
            self.imported.problems.append(await self._conflict(row, result, practitioner, room))
        elif result["replayed"]:
            self.imported.present += 1
        else:
            self.imported.booked += 1
            if self.imported.booked in ANALYZE_AFTER_ROWS:
                # Plans made for the few rows of a new clinic would read every row for each.
                await self.connection.execute("ANALYZE appointments, leads")
            self.rows[UUID(result["appointment_id"])] = row.row

    async def _conflict(
        self,
        row: DiaryAppointment,
        result: Mapping[str, Any],
        practitioner: UUID | None,
        room: UUID | None,
    ) -> Problem:
        """The refusal, and for a time that is taken when that is."""
        outcome = Outcome(result["error"])
        known = self.clinic.services.get((row.service or self.wish.service).lower())
        minutes = row.duration_minutes or (known[1] if known else 60)
        ends_at = row.starts_at + timedelta(minutes=minutes)
        problem = Problem(row.row, outcome, _sentence(outcome, result), row.starts_at, ends_at)
        if outcome is not Outcome.SLOT_UNAVAILABLE:
            return problem
        taken = await self.connection.fetchrow(
            "SELECT id, scheduled_at, ends_at FROM appointments "
            "WHERE org_id = $1 AND status IN ('held', 'confirmed') "
            "AND blocked && tstzrange($2, $3) "
            "AND ($4::uuid IS NULL OR practitioner_id = $4 OR room_id = $5) "
            "ORDER BY scheduled_at LIMIT 1",
            self.wish.organization,
            row.starts_at,
            ends_at,
            practitioner,
            room,
        )
        if taken is None:
            return problem
        return Problem(
            row.row,
            outcome,
            problem.message,
            row.starts_at,
            ends_at,
            taken["scheduled_at"],
            taken["ends_at"],
            self.rows.get(taken["id"]),
        )

    async def _mark_absent(self, row: DiaryAbsence) -> None:
        practitioner = await self._practitioner(row.practitioner)
        if practitioner is None:
            raise _RefusedError(
                Outcome.UNKNOWN_PRACTITIONER, "The clinic has no practitioner who could be absent"
            )
        stored = await self.connection.fetchval(
            "INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at, reason) "
            "SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM absences "
            "WHERE org_id = $1 AND practitioner_id = $2 AND starts_at = $3 AND ends_at = $4) "
            "RETURNING true",
            self.wish.organization,
            practitioner,
            row.starts_at.astimezone(UTC),
            row.ends_at.astimezone(UTC),
            ABSENCE_REASON,
        )
        if stored:
            self.imported.absent += 1
        else:
            self.imported.present += 1

    async def _practitioner(self, said: str | None) -> UUID | None:
        """Whom a row means; None where the clinic has no practitioner of its own."""
        said = said or self.wish.practitioner
        if said is None:
            if len(self.clinic.practitioners) > 1:
                raise _RefusedError(
                    Outcome.UNKNOWN_PRACTITIONER,
                    "It names no practitioner, and the clinic has several: use --practitioner",
                )
            return next(iter(self.clinic.practitioners), None)
        if said not in self.found:
            self.found[said] = await functions.find_practitioner(
                OwnerSession(self.connection), self.wish.organization, said
            )
        found = self.found[said]
        if len(found) != 1:
            # What a row says isn't repeated: where columns are mixed up, it is a patient's.
            raise _RefusedError(
                Outcome.NEEDS_CONFIRMATION if found else Outcome.UNKNOWN_PRACTITIONER,
                "It could be several practitioners: write the full name"
                if found
                else "The clinic has no such practitioner",
            )
        return UUID(found[0]["id"])

    async def _send_nobody_a_message(self) -> None:
        """They were told when they made their appointments."""
        await self.connection.execute(
            "UPDATE deliveries SET status = 'voided' WHERE org_id = $1 "
            "AND subject_id = ANY ($2) AND kind <> 'calendar'",
            self.wish.organization,
            list(self.rows),
        )


def _sentence(outcome: Outcome, result: Mapping[str, Any]) -> str:
    if outcome is Outcome.IDEMPOTENCY_MISMATCH:
        return "It was imported before, with another time, practitioner or service: move it by hand"
    message: str = result["message"]
    return message.removeprefix(f"{outcome}: ")

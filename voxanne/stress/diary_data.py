"""Diaries of many clinics, each with a past and a future, in scratch databases.

How a clinic looks, and where its appointments are, is told in `sql/diary.sql`.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Final

import asyncpg

from voxanne.postgres.migrate import migrate_up
from voxanne.stress.figure import Progress
from voxanne.stress.scratch import ProofError, Target, scratch_database

APPOINTMENTS_MIN: Final = 10_000
CLINICS_MIN: Final = 4
APPOINTMENTS_PER_CLINIC_MAX: Final = 10_000
APPOINTMENTS_PER_DAY: Final = 52
DAYS_AHEAD: Final = 30  # weekdays from this week's Monday on
LOADERS_MAX: Final = 4
CLINICS_AT_ONCE: Final = 100
PROGRESS_PERCENT: Final = 10
_DIARY_TABLES: Final = ("leads", "appointments")
_RECORD_TABLES: Final = ("events", "deliveries", "calls")
_CLINIC_TABLES: Final = ("organizations", "practitioners", "services", "opening_hours", "breaks")
# What must be the same after loading as before: every constraint, valid, and every index.
_GUARDS: Final = """
    SELECT conrelid::regclass::text AS of, conname AS name,
      concat(pg_get_constraintdef(oid), ' ', convalidated) AS text
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indrelid::regclass::text, indexrelid::regclass::text,
      concat(pg_get_indexdef(indexrelid), ' ', indisvalid AND indisready)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Diary:
    """A loaded database. Clinics are numbered from 1; `monday` is the first of this week.

    `waiting`: with so many deliveries due in each clinic, and as many to come, there are also the
    events, deliveries and calls of all appointments, and every index is built at once; None: of
    none, and the exclusion constraints' indexes grow as they do in a clinic.
    """

    url: str
    owner: asyncpg.Connection
    clinics: int
    appointments_per_clinic: int
    monday: date
    days_ahead: int = DAYS_AHEAD
    waiting: int | None = None

    @property
    def appointments(self) -> int:
        return self.clinics * self.appointments_per_clinic

    @property
    def leads(self) -> int:
        """Of each clinic."""
        return self.appointments_per_clinic // 5

    @property
    def first_day(self) -> int:
        """The first weekday with appointments, counted from `monday`."""
        return self.days_ahead - -(-self.appointments_per_clinic // APPOINTMENTS_PER_DAY)

    @property
    def tables(self) -> tuple[str, ...]:
        """Those that are loaded row by row."""
        return _DIARY_TABLES if self.waiting is None else (*_DIARY_TABLES, *_RECORD_TABLES)


@contextlib.asynccontextmanager
async def open_diary(
    owner_url: str, superuser_url: str | None, appointments: int, progress: Progress
) -> AsyncIterator[Diary]:
    """About so many appointments: whole clinics, more of them and with a longer past the more
    there are. The database is dropped afterwards.
    """
    each = min(APPOINTMENTS_PER_CLINIC_MAX, appointments // CLINICS_MIN)
    clinics = round(appointments / each)
    async with loaded_diary(owner_url, superuser_url, clinics, each, progress) as diary:
        yield diary


@contextlib.asynccontextmanager
async def loaded_diary(
    owner_url: str,
    superuser_url: str | None,
    clinics: int,
    appointments_per_clinic: int,
    progress: Progress,
    *,
    days_ahead: int = DAYS_AHEAD,
    waiting: int | None = None,
) -> AsyncIterator[Diary]:
    """A scratch database of so many clinics, dropped afterwards."""
    today = datetime.now(UTC).date()
    async with (
        scratch_database(owner_url, superuser_url, "bench") as url,
        Target(url).owner() as owner,
    ):
        monday = today - timedelta(days=today.weekday())
        diary = Diary(url, owner, clinics, appointments_per_clinic, monday, days_ahead, waiting)
        await _load(diary, progress)
        yield diary


async def _load(diary: Diary, progress: Progress) -> None:
    owner = diary.owner
    progress(f"loading {diary.appointments:,} appointments of {diary.clinics:,} clinics")
    await migrate_up(owner)
    for name in ("diary.sql", "timing.sql", "scale.sql"):
        await owner.execute(read_sql(name))
    guards = await owner.fetch(_GUARDS)
    await owner.execute("CALL bench.add_clinics($1)", diary.clinics)
    await owner.execute(
        "CALL bench.set_indexes_aside($1::text[]::regclass[], $2)",
        list(diary.tables),
        diary.waiting is not None,
    )
    loaders = min(LOADERS_MAX, os.cpu_count() or 1)
    edges = [diary.clinics * number // loaders for number in range(loaders + 1)]
    async with asyncio.TaskGroup() as group:
        for first, last in itertools.pairwise(edges):
            report = progress if first == 0 and diary.appointments > APPOINTMENTS_MIN else None
            group.create_task(_add_rows(diary, first + 1, last, report))
    progress("loading: indexes")
    await owner.execute("CALL bench.put_indexes_back()")
    if await owner.fetch(_GUARDS) != guards:
        raise ProofError("Loading did not leave every constraint and index as it was.")
    # As autovacuum leaves a table that has been used for a while.
    await owner.execute(f"VACUUM (ANALYZE) {', '.join((*_CLINIC_TABLES, *diary.tables))}")


async def _add_rows(
    diary: Diary, first_clinic: int, last_clinic: int, progress: Progress | None
) -> None:
    async with Target(diary.url).owner() as session:
        await session.execute("SET synchronous_commit = off")
        await _add_appointments(session, diary, first_clinic, last_clinic, progress)
        if diary.waiting is not None:
            await _add_records(session, diary, first_clinic, last_clinic, progress)


async def _add_records(
    session: asyncpg.Connection,
    diary: Diary,
    first_clinic: int,
    last_clinic: int,
    progress: Progress | None,
) -> None:
    for first in range(first_clinic, last_clinic + 1, CLINICS_AT_ONCE):
        last = min(first + CLINICS_AT_ONCE - 1, last_clinic)
        await session.execute(
            "CALL bench.add_records($1, $2, $3, $4, $5)",
            *(first, last, diary.appointments_per_clinic, diary.leads, diary.waiting),
        )
    if progress:
        progress("loading: events, deliveries, calls")


async def _add_appointments(
    session: asyncpg.Connection,
    diary: Diary,
    first_clinic: int,
    last_clinic: int,
    progress: Progress | None,
) -> None:
    """Day by day, as diaries grow. Clinic by clinic the constraint's index would come out worse."""
    count = diary.appointments_per_clinic
    reported = 0
    await session.execute(
        "CALL bench.add_leads($1, $2, $3)", first_clinic, last_clinic, diary.leads
    )
    for first in range(0, count, APPOINTMENTS_PER_DAY):
        await session.execute(
            "CALL bench.add_appointments($1, $2, $3, $4, $5, $6, $7)",
            *(first_clinic, last_clinic),
            *(first, min(first + APPOINTMENTS_PER_DAY, count) - 1),
            *(diary.leads, diary.monday, diary.first_day),
        )
        percent = 100 * first // count
        if progress and percent >= reported + PROGRESS_PERCENT:
            reported = percent
            progress(f"loading: {percent} %")


def read_sql(name: str) -> str:
    return (files("voxanne.stress") / "sql" / name).read_text()

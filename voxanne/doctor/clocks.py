"""Checks of time: the clocks of the machine and of the database, and what they know of zones."""

import importlib.metadata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from voxanne.deployment import CLOCK_RESET
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, ok, warn

SKEW_SECONDS_WARN: Final = 0.5
SKEW_SECONDS_MAX: Final = 5.0  # a lease of two seconds would be over before it began
AHEAD: Final = timedelta(days=731)
ZONE_DATA_YEARS_MAX: Final = 1
# Rules that changed lately, as tzdata's NEWS has them: a moment and what its offset then is, in
# minutes. Who has it otherwise has older data.
RECENT: Final[Mapping[str, tuple[str, int]]] = {
    "Africa/Cairo": ("2023-07-15T12:00:00+00:00", 180),
    "Asia/Almaty": ("2024-07-15T12:00:00+00:00", 300),
    "America/Asuncion": ("2025-07-15T12:00:00+00:00", -180),
    "America/Vancouver": ("2027-01-15T12:00:00+00:00", -420),
}
_OFFSETS: Final = """
SELECT zone, array_agg(
  round(extract(epoch FROM (moment AT TIME ZONE zone) - (moment AT TIME ZONE 'UTC')) / 60)::integer
  ORDER BY moment) AS minutes
FROM unnest($1::text[]) AS zone, unnest($2::timestamptz[]) AS moment
WHERE EXISTS (SELECT FROM pg_timezone_names WHERE name = zone) GROUP BY zone
"""
UPDATE_SYSTEM: Final = (
    "update the system's tzdata, or let Python use its own: PYTHONTZPATH= and "
    "pip install --upgrade tzdata; then restart API and worker"
)
UPDATE_POSTGRES: Final = "update the PostgreSQL server (or its system's tzdata), and restart it"


async def check_clock(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        await connection.fetchval("SELECT 1")
        began = scene.now()
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
        ended = scene.now()
        moved = await connection.fetchval("SELECT clock_offset FROM clock")
    # At worst it was read at either end of the trip.
    skew = max((theirs - ended).total_seconds(), (began - theirs).total_seconds(), 0.0)
    if moved is not None and scene.production:
        return failed(f"the database's clock is moved by {moved}", CLOCK_RESET)
    if skew > SKEW_SECONDS_MAX:
        return failed(
            f"this machine and the database are {skew:.1f} s apart",
            "keep both by NTP (chrony, systemd-timesyncd)",
        )
    if moved is not None:
        return warn(f"the database's clock is moved by {moved} (VOXANNE_CLOCK)", CLOCK_RESET)
    if skew > SKEW_SECONDS_WARN:
        return warn(
            f"this machine and the database are {skew:.1f} s apart",
            "keep both by NTP (chrony, systemd-timesyncd)",
        )
    return ok("this machine and the database agree, and nobody moved it")


async def check_time_zones(scene: Examination) -> Finding:
    """The clinics' zones over the coming two years, as Python, PostgreSQL and the tzdata package
    know them; and whether each knows what changed lately.
    """
    first = scene.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=day) for day in range(AHEAD.days)]
    async with scene.owner() as connection:
        rows = await connection.fetch("SELECT DISTINCT timezone FROM organizations")
        zones = [row["timezone"] for row in rows]
        postgres = await _postgres_offsets(connection, zones, days)
        recent = {
            zone: (await _postgres_offsets(connection, [zone], [_moment(said)])).get(zone)
            for zone, (said, _) in RECENT.items()
        }
    unknown = [zone for zone in zones if _system_zone(zone) is None or zone not in postgres]
    if unknown:
        return failed(
            f"not everybody knows the zone of a clinic: {named(unknown)}",
            "voxanne org apply, with an IANA name such as Europe/London",
        )
    python = {zone: _offsets(ZoneInfo(zone), days) for zone in zones}
    packaged = {zone: _offsets(found, days) for zone in zones if (found := _package_zone(zone))}
    # What the package knows is the newest there is, unless it is the oldest: see its age below.
    old_python = [zone for zone in zones if packaged.get(zone, python[zone]) != python[zone]]
    old_postgres = [zone for zone in zones if packaged.get(zone, python[zone]) != postgres[zone]]
    if old_python:
        return failed(f"Python's data is out of date for {named(old_python)}", UPDATE_SYSTEM)
    if old_postgres:
        return failed(
            f"PostgreSQL's data is out of date for {named(old_postgres)}", UPDATE_POSTGRES
        )
    return _recent(scene, recent) or ok(
        f"{counted(len(zones), 'zone')} of clinics agree for two years (tzdata {_version()})"
    )


def _recent(scene: Examination, postgres: Mapping[str, list[int] | None]) -> Finding | None:
    """Old data that no clinic suffers from yet."""
    for zone, (said, minutes) in RECENT.items():
        known = _system_zone(zone)
        if known is None or _offsets(known, [_moment(said)]) != [minutes]:
            return warn(
                f"Python's data is old: {zone} has changed since; no clinic is there", UPDATE_SYSTEM
            )
        if postgres[zone] != [minutes]:
            return warn(
                f"PostgreSQL's data is old: {zone} has changed since; no clinic is there",
                UPDATE_POSTGRES,
            )
    version = _version()
    if scene.now().year - int(version.partition(".")[0]) > ZONE_DATA_YEARS_MAX:
        return warn(f"the tzdata package is of {version}", "pip install --upgrade tzdata")
    return None


async def _postgres_offsets(
    connection: asyncpg.Connection, zones: list[str], moments: list[datetime]
) -> dict[str, list[int]]:
    rows = await connection.fetch(_OFFSETS, zones, moments)
    return {row["zone"]: list(row["minutes"]) for row in rows}


def _offsets(zone: tzinfo, moments: list[datetime]) -> list[int]:
    """In minutes."""
    offsets = [moment.astimezone(zone).utcoffset() or timedelta() for moment in moments]
    return [round(offset.total_seconds() / 60) for offset in offsets]


def _system_zone(name: str) -> ZoneInfo | None:
    """As Python finds it: the system's first."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _package_zone(name: str) -> ZoneInfo | None:
    found = files("tzdata") / "zoneinfo"
    for part in name.split("/"):
        found = found / part
    if not found.is_file():
        return None
    with found.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _version() -> str:
    return importlib.metadata.version("tzdata")


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)

"""All the checks, in the order they are told, and one round of them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from voxanne.doctor.addresses import check_callbacks, check_dashboard
from voxanne.doctor.backups import check_backups, check_disk
from voxanne.doctor.calendars import (
    check_caldav,
    check_calendar_mirror,
    check_google_client,
    check_google_testing,
    check_google_tokens,
)
from voxanne.doctor.canary import check_live_booking
from voxanne.doctor.clocks import check_clock, check_time_zones
from voxanne.doctor.diary import check_booked_events, check_caller_check, check_double_bookings
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, Report, Result, State, failed, ok, warn
from voxanne.doctor.functions import check_booking_function, check_functions
from voxanne.doctor.keys import check_encryption_key
from voxanne.doctor.messages import check_mail, check_twilio
from voxanne.doctor.queues import check_alerts, check_queue
from voxanne.doctor.roles import check_roles
from voxanne.doctor.schema import (
    check_constraints,
    check_database,
    check_indexes,
    check_migrations,
    check_tables,
    check_walls,
)

AT_ONCE: Final = 4
SECONDS_MAX: Final = 30.0
DIARY_SECONDS_MAX: Final = 300.0  # every appointment is read: seconds for a million
VENDORS_SECONDS_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Check:
    """`needs_database`: without one it isn't begun. `asks_vendors`: others count how often it is
    made, so a watch makes it in its first round and its last.
    """

    find: Callable[[Examination], Awaitable[Finding]]
    seconds_max: float = SECONDS_MAX
    needs_database: bool = True
    asks_vendors: bool = False


async def check_settings(scene: Examination) -> Finding:
    if scene.production:
        return ok("every setting is readable; production")
    return warn(
        "VOXANNE_ENV is development: messages may be printed instead of sent, keys made up",
        "VOXANNE_ENV=production, where patients are",
    )


CHECKS: Final[dict[str, Check]] = {
    "settings": Check(check_settings, needs_database=False),
    "database": Check(check_database, needs_database=False),
    "migrations": Check(check_migrations),
    "booking_function": Check(check_booking_function),
    "functions": Check(check_functions),
    "tables": Check(check_tables),
    "constraints": Check(check_constraints),
    "indexes": Check(check_indexes),
    "row_security": Check(check_walls),
    "roles": Check(check_roles),
    "clock": Check(check_clock),
    "time_zones": Check(check_time_zones),
    "encryption_key": Check(check_encryption_key),
    "double_bookings": Check(check_double_bookings, DIARY_SECONDS_MAX),
    "booked_events": Check(check_booked_events, DIARY_SECONDS_MAX),
    "live_booking": Check(check_live_booking),
    "caller_check": Check(check_caller_check),
    "queue": Check(check_queue),
    "alerts": Check(check_alerts),
    "google_client": Check(check_google_client, asks_vendors=True),
    "google_tokens": Check(check_google_tokens, VENDORS_SECONDS_MAX, asks_vendors=True),
    "google_testing": Check(check_google_testing),
    "caldav": Check(check_caldav, VENDORS_SECONDS_MAX, asks_vendors=True),
    "calendar_mirror": Check(check_calendar_mirror),
    "twilio": Check(check_twilio, VENDORS_SECONDS_MAX, asks_vendors=True),
    "mail": Check(check_mail, asks_vendors=True),
    "callbacks": Check(check_callbacks, needs_database=False),
    "dashboard": Check(check_dashboard),
    "backups": Check(check_backups, needs_database=False),
    "disk": Check(check_disk, needs_database=False),
}
# What a booking can't do without.
_BOOKING: Final = frozenset(
    {
        "database",
        "migrations",
        "booking_function",
        "functions",
        "tables",
        "constraints",
        "row_security",
        "roles",
        "live_booking",
    }
)


async def examine(
    scene: Examination,
    only: Collection[str] = (),
    tell: Callable[[Result], None] = lambda _: None,
) -> Report:
    """One round of the checks, or of those in `only`; `tell` is told of each, in order."""
    wanted = {name: check for name, check in CHECKS.items() if not only or name in only}
    gate, reached = asyncio.Semaphore(AT_ONCE), asyncio.Event()
    results: list[Result] = []
    database = await _guarded(scene, "database", CHECKS["database"])
    if database.state is not State.FAILED:
        reached.set()

    async def look(name: str, check: Check) -> Finding:
        if name == "database":
            return database
        if check.needs_database and not reached.is_set():
            return failed("not looked at: there is no database to ask", "see the check `database`")
        async with gate:
            return await _guarded(scene, name, check)

    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(look(name, check)) for name, check in wanted.items()}
        for name, task in tasks.items():
            result = Result(name, await task)
            results.append(result)
            tell(result)
    return Report(results, capabilities(results))


async def _guarded(scene: Examination, name: str, check: Check) -> Finding:
    """Its finding; that it broke is one too, and no reason to leave out the others."""
    fix = f"voxanne doctor --only {name}, and the database's log; a bug if it stays so"
    try:
        async with asyncio.timeout(check.seconds_max):
            return await check.find(scene)
    except TimeoutError:
        return failed(f"it took longer than {check.seconds_max:.0f} s", fix)
    except Exception as error:
        return failed(f"it broke: {_told(error)}", fix)


def _told(error: Exception) -> str:
    """Of PostgreSQL the sentence, not the detail, which can hold a row."""
    kind = type(error).__name__
    if isinstance(error, asyncpg.PostgresError):
        return f"{kind}: {str(error.args[0]).splitlines()[0] if error.args else ''}"
    return kind


def capabilities(results: Sequence[Result]) -> dict[str, str]:
    """How each stands, of those whose checks were made."""
    found = {result.name: result.finding for result in results}
    told = {}
    if found.keys() >= _BOOKING:
        wrong = [name for name in found if name in _BOOKING and found[name].state is State.FAILED]
        told["booking"] = f"not ready ({', '.join(wrong)})" if wrong else "ready"
    if "twilio" in found:
        told["sms"] = _counted([found["twilio"]], "ready")
    if found.keys() >= {"google_tokens", "caldav"}:
        told["calendar"] = _counted([found["google_tokens"], found["caldav"]], "connected")
    for name, check in (("email", "mail"), ("dashboard", "dashboard")):
        if check in found:
            told[name] = _counted([found[check]], "ready")
    return told


def _counted(parts: Sequence[Finding], good: str) -> str:
    """`off`, `ready`, `not ready` or `2 of 3 connected`."""
    used = [part for part in parts if part.state is not State.OFF]
    if not used:
        return "off"
    pairs = [part.counted for part in used if part.counted is not None]
    if pairs:
        return f"{sum(pair[0] for pair in pairs)} of {sum(pair[1] for pair in pairs)} {good}"
    return f"not {good}" if any(part.state is State.FAILED for part in used) else good

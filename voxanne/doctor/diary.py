"""Checks of the appointments themselves: each made by the one function, and no time given twice."""

from typing import Final

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, ok, warn

# What booked, and with an event each; a hold is told of by another kind and never becomes a
# booking itself (see store_appointment and store_hold).
_EVENTS: Final = """
WITH booked AS (
  SELECT org_id, appointment_id, count(*) AS times FROM events
  WHERE kind = 'booked' GROUP BY org_id, appointment_id
)
SELECT appointments.id, coalesce(booked.times, 0) AS times,
  count(*) OVER () AS wrong
FROM appointments LEFT JOIN booked
  ON booked.org_id = appointments.org_id AND booked.appointment_id = appointments.id
WHERE coalesce(booked.times, 0) <> (appointments.hold_expires_at IS NULL)::integer
  OR (appointments.hold_expires_at IS NOT NULL AND status NOT IN ('held', 'expired', 'cancelled'))
ORDER BY appointments.created_at DESC LIMIT 5
"""
# By a sweep in time: whoever begins before all that began earlier has ended.
_DOUBLE: Final = """
SELECT kind, id, count(*) OVER (PARTITION BY kind) AS wrong FROM (
  SELECT 'practitioner' AS kind, id, lower(blocked) AS begins, max(upper(blocked)) OVER (
    PARTITION BY org_id, practitioner_id ORDER BY lower(blocked)
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
  FROM appointments WHERE status IN ('held', 'confirmed') AND NOT overlap_allowed
  UNION ALL
  SELECT 'room', id, lower(blocked), max(upper(blocked)) OVER (
    PARTITION BY org_id, room_id ORDER BY lower(blocked)
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  FROM appointments
  WHERE status IN ('held', 'confirmed') AND NOT overlap_allowed AND room_id IS NOT NULL
) AS swept WHERE begins < ends_before
ORDER BY begins DESC LIMIT 10
"""
_UNCHECKED: Final = """
SELECT name FROM organizations
WHERE caller_check = 'none' AND name !~ '^voxanne-[a-z]+-[0-9a-f]{16}$'
"""


async def check_booked_events(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        rows = await connection.fetch(_EVENTS)
        number = await connection.fetchval("SELECT count(*) FROM appointments")
    if rows:
        shown = [f"{row['id']} ({row['times']})" for row in rows]
        return failed(
            f"{counted(rows[0]['wrong'], 'appointment')} without exactly one `booked` event: "
            f"{named(shown)}",
            "somebody writes past book_appointment_atomic: find the login (log_statement = mod), "
            "take its privileges, then cancel each and book it anew",
        )
    return ok(f"{counted(number, 'appointment')}, each made by the booking function")


async def check_double_bookings(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        rows = await connection.fetch(_DOUBLE)
    numbers = {row["kind"]: row["wrong"] for row in rows}
    wrong = [f"{counted(number, 'time')} of a {kind}" for kind, number in sorted(numbers.items())]
    if wrong:
        return failed(
            f"given twice: {', '.join(wrong)} ({named({str(row['id']) for row in rows})})",
            "move one of each pair (dashboard, calendar), then see the check `constraints`",
        )
    return ok("no practitioner and no room is in two appointments")


async def check_caller_check(scene: Examination) -> Finding:
    """A note for each clinic: `none` is the default, and a decision."""
    async with scene.owner() as connection:
        names = [row["name"] for row in await connection.fetch(_UNCHECKED)]
    if names:
        return warn(
            f"caller_check is none at {named(names)}: who shows a patient's number moves and "
            "cancels their appointments, and numbers can be forged",
            "voxanne org apply, with caller_check: name (or name_and_birth_date), where the clinic "
            "wants it asked",
        )
    return ok("every clinic asks callers for more than their number")

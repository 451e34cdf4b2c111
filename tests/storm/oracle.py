"""What must be true when the storm is over: the diary, the calendars and the texts agree."""

from collections import Counter
from datetime import UTC, datetime

from tests.storm.stage import Stage

APPOINTMENTS = """
SELECT appointments.org_id, appointments.id, practitioner_id, scheduled_at, ends_at, status
FROM appointments WHERE status IN ('confirmed', 'cancelled')
"""
UNSETTLED = "SELECT count(*) FROM deliveries WHERE status IN ('queued', 'sending')"
STATES = "SELECT channel, status, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2"


async def disagreements(stage: Stage) -> list[str]:
    """Everything that isn't as it must be, in words; none when all is well."""
    return [*await _calendars(stage), *await _texts(stage), *await _deliveries(stage)]


async def _calendars(stage: Stage) -> list[str]:
    """Each appointment is one event, in its practitioner's calendar and no other, at its time."""
    rows = await (await stage.database.owner()).fetch(APPOINTMENTS)
    calendar_of = {p.id: p.calendar for clinic in stage.clinics for p in clinic.practitioners}
    wanted = {
        (calendar_of[row["practitioner_id"]], row["id"].hex): (row["scheduled_at"], row["ends_at"])
        for row in rows
        if row["status"] == "confirmed"
    }
    found = {
        (calendar.id, id_): tuple(_moment(event[end]["dateTime"]) for end in ("start", "end"))
        for calendar in stage.google.calendars.values()
        for id_, event in calendar.live.items()
    }
    return [
        *(f"no event in {calendar}: {id_}" for calendar, id_ in wanted.keys() - found.keys()),
        *(f"an event too many in {calendar}: {id_}" for calendar, id_ in found.keys() - wanted),
        *(f"at another time: {key}" for key in wanted.keys() & found if wanted[key] != found[key]),
    ]


async def _texts(stage: Stage) -> list[str]:
    """Each text that counts as sent is one of Twilio's messages, and each of those is one text."""
    rows = await (await stage.database.owner()).fetch(
        "SELECT external_id, status FROM deliveries WHERE channel = 'sms'"
    )
    sent = Counter(row["external_id"] for row in rows if row["status"] in ("sent", "delivered"))
    taken = Counter(message["sid"] for message in stage.twilio.messages)
    return [
        *(f"sent, but not at Twilio: {sid}" for sid in sent.keys() - taken.keys()),
        *(f"at Twilio, but not known to be sent: {sid}" for sid in taken.keys() - sent.keys()),
        *(f"one message for {count} texts: {sid}" for sid, count in sent.items() if count > 1),
    ]


async def _deliveries(stage: Stage) -> list[str]:
    """All is settled; nothing failed, since every fault passed; each version has one of a kind."""
    rows = await (await stage.database.owner()).fetch(
        "SELECT kind, status, error_code, count(*) FROM deliveries "
        "WHERE status IN ('queued', 'sending', 'failed') GROUP BY 1, 2, 3"
    )
    return [f"{row['count']} {row['kind']} {row['status']}: {row['error_code']}" for row in rows]


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said).astimezone(UTC)

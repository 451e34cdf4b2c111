"""Somebody about whom every table says something, each time with a word of their own.

No test in here.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.database import Booking
from tests.sql.diary import NOW, Caller, Diary, at

OUR_NUMBER = "+442079460000"
LAST_YEAR = NOW - timedelta(days=400)


@dataclass(frozen=True)
class Person:
    """`marker` is in whatever is known of them; `number` is theirs alone."""

    marker: str
    lead_id: UUID
    number: str
    contact: str
    past: Booking
    upcoming: Booking | None


async def known_person(
    diary: Diary,
    marker: str = "Zuzanna",
    digits: str = "777",
    *,
    hour: int = 10,
    upcoming: bool = True,
) -> Person:
    """Booked by phone last week and for tomorrow, texted, wrote, waits, left a message, was noted,
    scored and merged."""
    person = Caller(f"{marker} Holt", f"+4420{digits}60111")
    contact = f"+4420{digits}60222"
    about: dict[str, Any] = {
        "patient_email": f"{marker}@example.com".lower(),
        "contact_phone": contact,
        "call_id": f"call-{digits}",
        "metadata": {"notes": f"{marker} is afraid of needles"},
        "idempotency_key": f"{marker}-booking",
    }
    past = await diary.book(at(f"{hour}:00"), person, **about)
    assert past["success"], past
    await diary.owner.execute(
        "UPDATE appointments SET scheduled_at = scheduled_at - interval '8 days', "
        "ends_at = ends_at - interval '8 days', "
        "blocked_from = blocked_from - interval '8 days', "
        "blocked_until = blocked_until - interval '8 days' "
        "WHERE id = $1",
        UUID(past["appointment_id"]),
    )
    later = None
    if upcoming:
        later = await diary.book(
            at(f"{hour + 1}:00"), person, **{**about, "idempotency_key": f"{marker}-later"}
        )
        assert later["success"], later
    lead_id = UUID(past["contact_id"])
    await diary.owner.execute("UPDATE leads SET birth_date = '1980-05-31' WHERE id = $1", lead_id)
    await say_things(diary, person, lead_id, digits, past)
    await note_things(diary, person, lead_id, past)
    return Person(marker, lead_id, person.phone, contact, past, later)


async def say_things(
    diary: Diary, person: Caller, lead_id: UUID, digits: str, past: Booking
) -> None:
    """On the phone and in texts."""
    name, number, call_id = person.name, person.phone, f"call-{digits}"
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, ended_at, "
        "transcript, summary, recording_url, structured, promise_findings, reported_at, sentiment) "
        "VALUES ($1, $2, $3, $4, $5, $5, $6, $6, $7, $8, $9, $5, 'positive')",
        diary.org_id, call_id, lead_id, number, NOW - timedelta(days=8), f"{name} speaks",
        f"https://recordings.example/{name}", json.dumps({"name": name}),
        json.dumps([{"rule": "said_booked", "said": name}]),
    )  # fmt: skip
    report = json.dumps({"customer": {"number": number}, "transcript": name})
    await diary.owner.execute(
        "INSERT INTO voice_messages (org_id, call_id, type, payload, unrecorded) "
        "VALUES ($1, $2, 'end-of-call-report', $3, false), ($1, $4, 'old', $3, true)",
        diary.org_id, call_id, report, f"older-{digits}",
    )  # fmt: skip
    left = await diary.call(
        "take_message", body=f"Call {name}", name=name, caller_phone=number,
        callback_phone=number, idempotency_key=f"{name}-message", call_id=call_id, urgency="high",
    )  # fmt: skip
    assert left["success"], left
    contact = f"+4420{digits}60222"
    for direction, kind, their, body in (
        ("in", None, number, f"It's {name}"),
        ("out", "sms_confirmation", contact, f"Dear {name}"),
        ("in", None, contact, f"{name} comes"),
    ):
        await diary.owner.execute(
            "INSERT INTO texts (org_id, direction, our_number, their_number, body, external_id, "
            "appointment_id, kind, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            diary.org_id, direction, OUR_NUMBER, their, body, f"SM{digits}{their[-3:]}{direction}",
            UUID(past["appointment_id"]) if kind else None, kind, 1 if kind else None,
        )  # fmt: skip
    await diary.owner.execute(
        "INSERT INTO consents (org_id, phone, kind, word, source) "
        "VALUES ($1, $2, 'opt_in', 'START', 'text'), ($1, $2, 'opt_out', $3, 'text')",
        diary.org_id, number, f"STOP {name}",
    )  # fmt: skip


async def note_things(diary: Diary, person: Caller, lead_id: UUID, past: Booking) -> None:
    """What staff and the system keep."""
    owner, org_id, name = diary.owner, diary.org_id, person.name
    joined = await diary.join(person, idempotency_key=f"{name}-waits", date_to=NOW.date())
    assert joined["success"], joined
    await owner.execute(
        "INSERT INTO notes (org_id, lead_id, body, author) VALUES ($1, $2, $3, 'desk@x.example')",
        org_id, lead_id, f"{name} has a new dog",
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO lead_scores (org_id, lead_id, score, tier, reasons, scored_at) "
        "VALUES ($1, $2, 50, 'warm', $3, now()) ON CONFLICT (org_id, lead_id) DO UPDATE "
        "SET reasons = excluded.reasons",
        org_id, lead_id, json.dumps([{"reason": name, "points": 1}]),
    )  # fmt: skip
    other = await owner.fetchval(
        "INSERT INTO leads (org_id, name, person, phone, email, merged_into) "
        "VALUES ($1, $2, person_key($2), $3, $4, $5) RETURNING id",
        org_id, f"{name} Jr", f"{person.phone}9", f"jr-{name[:7].lower()}@x.example", lead_id,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO lead_changes (org_id, kind, lead_id, other_id, names) "
        "VALUES ($1, 'merge', $2, $3, $4)",
        org_id, lead_id, other, json.dumps({past["appointment_id"]: name}),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO appointment_links (org_id, appointment_id) VALUES ($1, $2) "
        "ON CONFLICT DO NOTHING",
        org_id, UUID(past["appointment_id"]),
    )  # fmt: skip


async def dump(diary: Diary) -> dict[str, str]:
    """All that the database holds, by table."""
    superuser = await diary.database.connect_superuser()
    tables = await superuser.fetch(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    return {
        table: await superuser.fetchval(
            f"SELECT coalesce(string_agg(row::text, chr(10) ORDER BY row::text), '') "
            f"FROM {table} AS row"
        )
        for (table,) in tables
    }


async def where(diary: Diary, *words: str) -> set[str]:
    """The tables that say one of the words, in any case."""
    found = await dump(diary)
    return {
        table
        for table, text in found.items()
        if any(word.lower() in text.lower() for word in words)
    }

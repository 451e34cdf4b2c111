"""What the front desk reads of an appointment's messages and history."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.appointment_words import (
    deliveries,
    delivery_label,
    history,
    refusal_text,
)
from voxanne.inbound.dashboard.moments import Moments
from voxanne.inbound.v1.problems import RefusedError
from voxanne.outbox.webhooks import EVENT_TYPES

WHEN = Moments(ZoneInfo("Europe/London"), "en_GB", date(2026, 11, 2))
NOON = "2026-11-02T12:00:00+00:00"


@pytest.mark.parametrize(
    ("kind", "calendar", "label"),
    [
        ("calendar", "google", "Google Calendar"),
        ("calendar", None, "Calendar"),
        ("sms_confirmation", None, "Text message of the booking"),
        ("email_change", None, "E-mail of the move"),
        ("sms_reminder_24h", None, "Reminder 24 hours before (text message)"),
        ("sms_reminder_1h", None, "Reminder 1 hour before (text message)"),
        ("sms_something_new", None, "Text message something new"),
    ],
)
def test_a_delivery_has_a_name(kind: str, calendar: str | None, label: str) -> None:
    assert delivery_label(kind, calendar) == label


def document(**changed: Any) -> dict[str, Any]:
    return {
        "subject_id": "s",
        "kind": "sms_confirmation",
        "channel": "sms",
        "status": "delivered",
        "parked": False,
        "error": "It failed before.",
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "error", "retried"),
    [
        ({}, "", False),
        ({"status": "failed"}, "It failed before.", True),
        ({"status": "queued", "parked": True}, "It failed before.", True),
        ({"status": "queued"}, "It failed before.", False),
        ({"status": "voided"}, "", False),
        ({"status": "failed", "error": None}, "", True),
    ],
)
def test_what_failed_or_waits_for_staff_can_be_tried_again(
    changed: dict[str, Any], error: str, retried: bool
) -> None:
    (shown,) = deliveries([document(**changed)], None)
    assert (shown.error, shown.retry is not None) == (error, retried)
    assert shown.retry in (None, "/deliveries/s/sms_confirmation/retry")


def test_the_history_is_told_newest_first() -> None:
    moved = {
        "from": NOON,
        "to": "2026-11-03T09:30:00+00:00",
        "from_practitioner_id": "a",
        "to_practitioner_id": "b",
    }
    told = history(
        [
            {"kind": "booked", "data": {}, "created_at": NOON},
            {"kind": "moved", "data": moved, "created_at": NOON},
            {"kind": "cancelled", "data": {"source": "link"}, "created_at": NOON},
        ],
        {"a": "Dr Chen", "b": "Dr Hill"},
        WHEN,
    )
    assert [(each.title, each.detail) for each in told] == [
        ("Cancelled", "on the patient's page"),
        ("Moved", "from Mon 2 Nov, 12:00 to Tue 3 Nov, 09:30, from Dr Chen to Dr Hill"),
        ("Booked", ""),
    ]


@pytest.mark.parametrize("kind", [*sorted(set(EVENT_TYPES) - {"moved"}), "of_a_newer_release"])
def test_every_kind_of_event_can_be_told(kind: str) -> None:
    (told,) = history([{"kind": kind, "data": {}, "created_at": NOON}], {}, WHEN)
    assert told.title[0].isupper()
    assert "_" not in told.title


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_refusal_has_a_sentence(outcome: Outcome) -> None:
    said = refusal_text(RefusedError(outcome, "As SQL said it."))
    assert said.endswith(".")
    assert outcome not in said


def test_outside_the_hours_it_says_why_and_what_to_do() -> None:
    said = refusal_text(RefusedError(Outcome.OUTSIDE_HOURS, "", {"reason": "holiday"}))
    assert "a public holiday" in said
    assert "change the hours of that day first" in said

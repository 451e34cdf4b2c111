"""What another tenant tries with the calendars' functions. No test in here."""

import json
from uuid import uuid4

from tests.database import HOUR, START, claim
from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, forbids, lists_nothing

PRACTITIONER = "SELECT id FROM practitioners WHERE org_id = $1 LIMIT 1"
CONNECTION = "SELECT calendar_connections.id FROM calendar_connections WHERE org_id = $1 LIMIT 1"
# Forgotten or saved by whoever has no such row: nothing, and no refusal.
CHANGED = "SELECT appointments.id FROM appointments WHERE org_id = $1 LIMIT 1"
EVENT = (
    "SELECT replace(appointments.id::text, '-', '') FROM appointments "
    "WHERE org_id = $1 AND status = 'confirmed' LIMIT 1"
)


async def hears_of_no_calendars(scene: Scene) -> None:
    query = "SELECT organizations_with_due_calendars(100)"
    assert await scene.api.fetchval(query) == "[]"
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(query))) == 2


CALENDAR_ATTEMPTS: dict[str, list[Attempt]] = {
    "begin_calendar_consent": [
        forbids(
            "begin_calendar_consent",
            practitioner_id=PRACTITIONER,
            calendar="mine",
            state_hash=bytes(32),
            encrypted_verifier=b"",
        )
    ],
    "break_calendar": [
        forbids(
            "break_calendar",
            connection_id=CONNECTION,
            credentials_version=1,
            error_code="forged",
            error="Forged.",
        )
    ],
    "calendar_pushed": [
        forbids("calendar_pushed", connection_id=CONNECTION, channel_id=uuid4(), token="guess")
    ],
    "changed_calendar_events": [
        forbids(
            "changed_calendar_events",
            connection_id=CONNECTION,
            events="[]",
            full=True,
            window_starts_at=START,
            window_ends_at=START + HOUR,
            claimed_at=START,
        )
    ],
    "claim_calendar_sync": [forbids("claim_calendar_sync", limit=9, lease_seconds=60)],
    "connect_calendar": [
        forbids(
            "connect_calendar",
            practitioner_id=PRACTITIONER,
            vendor="google",
            calendar="mine",
            account="mine",
            credentials=b"mine",
        )
    ],
    "disconnect_calendar": [forbids("disconnect_calendar", connection_id=CONNECTION)],
    "fail_calendar_sync": [
        forbids(
            "fail_calendar_sync",
            connection_id=CONNECTION,
            round=0,
            error_code="forged",
            error="Forged.",
        )
    ],
    "finish_calendar_sync": [
        forbids(
            "finish_calendar_sync",
            connection_id=CONNECTION,
            round=0,
            full=True,
            events="[]",
            sync_token="forged",
        )
    ],
    "follow_calendar_event": [
        forbids(
            "follow_calendar_event",
            connection_id=CONNECTION,
            event_id=EVENT,
            etag="forged",
            starts_at=START,
            ends_at=START + HOUR,
            cancelled=True,
        )
    ],
    "forget_calendar_event": [
        forbids("forget_calendar_event", appointment_id=CHANGED, connection_id=CONNECTION)
    ],
    "lease_credentials": [
        forbids(
            "lease_credentials", connection_id=CONNECTION, credentials_version=1, lease_seconds=60
        )
    ],
    "list_calendars": [lists_nothing("list_calendars")],
    "organizations_with_due_calendars": [hears_of_no_calendars],
    "save_calendar_event": [
        forbids(
            "save_calendar_event",
            appointment_id=CHANGED,
            connection_id=CONNECTION,
            event_id=EVENT,
            etag="forged",
            version=9,
            starts_at=START,
            ends_at=START + HOUR,
        )
    ],
    "store_calendar_channel": [
        forbids(
            "store_calendar_channel",
            connection_id=CONNECTION,
            channel_id=uuid4(),
            resource="forged",
            token_hash=bytes(32),
            expires_at=START,
        )
    ],
    "store_credentials": [
        forbids(
            "store_credentials",
            connection_id=CONNECTION,
            credentials_version=1,
            credentials=b"forged",
            access_expires_at=START,
        )
    ],
    "take_calendar_consent": [
        forbids(
            "take_calendar_consent",
            state_hash="SELECT state_hash FROM oauth_states WHERE org_id = $1 LIMIT 1",
        )
    ],
}

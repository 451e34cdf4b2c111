"""The wall between tenants: tried on every function the API may execute, as another."""

import json
from uuid import uuid4

import asyncpg
import pytest

from tests.database import HOUR, START, claim
from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, counts_nothing, forbids, lists_nothing, rows_of
from tests.sql.wall_calendars import CALENDAR_ATTEMPTS
from tests.sql.wall_calls import CALL_ATTEMPTS
from tests.sql.wall_leads import LEAD_ATTEMPTS
from tests.sql.wall_privacy import PRIVACY_ATTEMPTS
from tests.sql.wall_scores import SCORE_ATTEMPTS
from tests.sql.wall_settings import SETTINGS_ATTEMPTS
from tests.sql.wall_staff import STAFF_ATTEMPTS
from voxanne.postgres.migrate import load_functions


async def cannot_book_elsewhere(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    before = await superuser.fetchval("SELECT count(*) FROM appointments")

    for org_id in (scene.org_id, uuid4(), None):
        refusal = await scene.database.book(scene.api, org_id, patient_name="Tom Taylor")
        assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert await superuser.fetchval("SELECT count(*) FROM appointments") == before


async def cannot_replay_elsewhere(scene: Scene) -> None:
    """What the victim booked, word for word."""
    refusal = await scene.database.book(scene.api, scene.org_id)
    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert "appointment_id" not in refusal


async def tells_only_the_time(scene: Scene) -> None:
    moment = await scene.api.fetchval("SELECT current_moment()")
    assert abs((moment - await scene.api.fetchval("SELECT now()")).total_seconds()) < 60


async def has_no_profile(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT clinic_profile($1)", scene.org_id) is None


async def has_no_practitioners(scene: Scene) -> None:
    for said in ("Dr Grey", "Grey", ""):
        query = "SELECT find_practitioner($1, $2)"
        assert await scene.api.fetchval(query, scene.org_id, said) == "[]"


async def has_no_hmac_key(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT find_hmac_key($1)", scene.org_id) is None


async def has_no_credential_without_its_secret(scene: Scene) -> None:
    for guess in (None, b"", b"Here", b"%"):
        assert await scene.api.fetchval("SELECT find_credential($1)", guess) is None


async def has_no_feed_without_its_token(scene: Scene) -> None:
    """Not even with the token, in a session that is another tenant's."""
    superuser = await scene.database.connect_superuser()
    query = "SELECT token_hash FROM calendar_feeds WHERE org_id = $1"
    known = await superuser.fetchval(query, scene.org_id)
    assert known is not None
    for guess in (None, b"", b"%", known):
        assert await scene.api.fetchval("SELECT calendar_feed($1)", guess) is None
    await claim(scene.api, "")
    assert await scene.api.fetchval("SELECT calendar_feed($1)", known) is not None


async def has_no_line_without_its_number(scene: Scene) -> None:
    query = "SELECT find_voice_line($1, $2, $3)"
    for guess in (None, "", "%", str(scene.org_id)):
        assert await scene.api.fetchval(query, guess, guess, guess) is None
    # Kinds are not mixed up: what is registered as a number is no assistant.
    assert await scene.api.fetchval(query, "Here", None, "Here") is None


async def reports_no_message(scene: Scene) -> None:
    query = "SELECT record_voice_message($1, 'c', 't', '{\"forged\": true}', now())"
    assert await scene.api.fetchval(query, scene.org_id) is False
    superuser = await scene.database.connect_superuser()
    assert (
        await superuser.fetchval("SELECT count(*) FROM voice_messages WHERE payload <> '{}'") == 0
    )


async def has_no_configuration(scene: Scene) -> None:
    answer = await scene.database.call(scene.api, "clinic_configuration", scene.org_id)
    assert answer is None or answer.get("error") == "FORBIDDEN_ORGANIZATION"


async def shows_no_page(scene: Scene) -> None:
    """Not even with the link in hand: it is the patient's, who has no claim."""
    superuser = await scene.database.connect_superuser()
    token = await superuser.fetchval(
        "SELECT token FROM appointment_links WHERE org_id = $1 LIMIT 1", scene.org_id
    )
    assert await scene.api.fetchval("SELECT patient_appointment($1)", token) is None
    await claim(scene.api, "")
    assert await scene.api.fetchval("SELECT patient_appointment($1)", token) is not None


async def hears_of_no_other_clinics(scene: Scene) -> None:
    query = "SELECT organizations_with_lapsed_holds(100)"
    await (await scene.database.owner()).execute(
        "UPDATE appointments SET hold_expires_at = created_at WHERE status = 'held'"
    )
    assert await scene.api.fetchval(query) == "[]"
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(query))) == 2


async def claims_nothing(scene: Scene) -> None:
    before = await rows_of(scene)
    claim_all = "SELECT claim_deliveries('calendar', 9, 9, 60)"
    claim_one = "SELECT claim_organization_deliveries($1, 'calendar', 9, 9, 60) ->> 'deliveries'"
    assert await scene.api.fetchval(claim_all) == "[]"
    assert await scene.api.fetchval(claim_one, scene.org_id) == "[]"
    assert await rows_of(scene) == before


async def settles_nothing(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    await superuser.execute("UPDATE deliveries SET status = 'sending', attempts = 1")
    subject = await superuser.fetchval(APPOINTMENT, scene.org_id)
    before = await rows_of(scene)
    query = "SELECT finish_delivery($1, $2, 'calendar', 1, 1, 'delivered')"
    for org_id in (scene.org_id, scene.other_org_id, None):
        assert await scene.api.fetchval(query, org_id, subject) is False
    assert await rows_of(scene) == before


async def hears_of_no_deliveries(scene: Scene) -> None:
    due = "SELECT organizations_with_due_deliveries('calendar', 100)"
    ages = "SELECT delivery_queue_ages()"
    assert (await scene.api.fetchval(due), await scene.api.fetchval(ages)) == ("[]", "{}")
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(due))) == 2
    assert "calendar" in json.loads(await scene.api.fetchval(ages))


async def hears_of_no_inspection(scene: Scene) -> None:
    query = "SELECT inspect_records(NULL, 0)"
    nothing = {"double_bookings": 0, "crooked_leads": 0, "next": None}
    assert json.loads(await scene.api.fetchval(query)) == nothing
    await claim(scene.api, "")
    assert json.loads(await scene.api.fetchval(query))["next"] is not None


async def hears_of_no_reminders(scene: Scene) -> None:
    query = "SELECT organizations_with_due_reminders(100)"
    await (await scene.database.owner()).execute(
        "UPDATE appointments SET scheduled_at = now() + interval '23 hours', "
        "ends_at = now() + interval '24 hours', blocked_from = now() + interval '23 hours', "
        "blocked_until = now() + interval '24 hours', updated_at = now() - interval '9 days' "
        "WHERE status = 'confirmed'"
    )
    assert await scene.api.fetchval(query) == "[]"
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(query))) == 2


async def has_no_calendar_state(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    booked = await superuser.fetchval(APPOINTMENT, scene.org_id)
    for org_id in (scene.org_id, scene.other_org_id, None):
        query = "SELECT calendar_state($1, $2)"
        assert await scene.api.fetchval(query, org_id, booked) is None


async def hears_of_no_webhooks(scene: Scene) -> None:
    await (await scene.database.owner()).execute(
        "UPDATE webhooks SET read_transaction = '1'; "
        "UPDATE webhook_messages SET created_at = now() - interval '31 days'"
    )
    await scene.database.others_are_done()
    for whose in ("unread_events", "old_webhook_messages"):
        query = f"SELECT organizations_with_{whose}(100)"
        await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))
        assert await scene.api.fetchval(query) == "[]"
        await claim(scene.api, "")
        assert len(json.loads(await scene.api.fetchval(query))) == 2


async def is_told_of_no_events(scene: Scene) -> None:
    """A tenant's session of nobody's, not even its own: pages are told by the API's."""
    await scene.database.others_are_done()
    places = [
        {"org_id": str(org_id), "transaction": "3", "id": 0}
        for org_id in (scene.org_id, scene.other_org_id)
    ]
    query = "SELECT changed_events($1)"
    assert await scene.api.fetchval(query, json.dumps(places)) == "[]"
    await claim(scene.api, "")
    assert {
        row["org_id"] for row in json.loads(await scene.api.fetchval(query, json.dumps(places)))
    }


async def turns_no_webhook_off(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    webhook = await superuser.fetchval(WEBHOOK, scene.org_id)
    before = await rows_of(scene)
    for org_id in (scene.org_id, scene.other_org_id, None):
        query = "SELECT note_webhook_result($1, $2, 'gone')"
        assert await scene.api.fetchval(query, org_id, webhook) is None
    assert await rows_of(scene) == before


async def has_no_sms_account(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT find_sms_account($1)", scene.org_id) is None


async def writes_no_text(scene: Scene) -> None:
    """Neither what is sent nor that it was."""
    superuser = await scene.database.connect_superuser()
    await superuser.execute("UPDATE deliveries SET status = 'sending', attempts = 1")
    text = await superuser.fetchval("SELECT id FROM texts WHERE org_id = $1", scene.org_id)
    about = await superuser.fetchrow(
        "SELECT * FROM deliveries WHERE org_id = $1 AND channel = 'sms' LIMIT 1", scene.org_id
    )
    assert about is not None
    given = (about["subject_id"], about["kind"], about["version"], 1, "+1", "+1", "Forged")
    before = await rows_of(scene)
    save = "SELECT save_text($1, $2, $3, $4, $5, $6, $7, $8)"
    record = "SELECT record_sent_text($1, $2, 1, 'SMforged')"

    for org_id in (scene.org_id, scene.other_org_id):
        assert await scene.api.fetchval(save, org_id, *given) is None
        assert await scene.api.fetchval(record, org_id, text) is False
    assert await rows_of(scene) == before


APPOINTMENT = (
    "SELECT id FROM appointments WHERE org_id = $1 AND status = 'confirmed' ORDER BY id LIMIT 1"
)
HELD = "SELECT id FROM appointments WHERE org_id = $1 AND status = 'held' LIMIT 1"
WAITING = "SELECT id FROM waitlist WHERE org_id = $1 LIMIT 1"
LEAD = "SELECT id FROM leads WHERE org_id = $1 LIMIT 1"
TEXT = "SELECT id FROM texts WHERE org_id = $1 LIMIT 1"
MESSAGE = "SELECT id FROM messages WHERE org_id = $1 LIMIT 1"
ALERT = "SELECT id FROM alerts WHERE org_id = $1 LIMIT 1"
WEBHOOK = "SELECT id FROM webhooks WHERE org_id = $1 LIMIT 1"
PRACTITIONER = "SELECT id FROM practitioners WHERE org_id = $1 LIMIT 1"

# What another tenant tries with each function the API may execute. A new one needs a line.
ATTEMPTS: dict[str, list[Attempt]] = {
    "accept_offer": [forbids("accept_offer", waitlist_id=WAITING, source="staff")],
    "advance_waitlist": [counts_nothing("advance_waitlist")],
    "book_appointment_atomic": [cannot_book_elsewhere, cannot_replay_elsewhere],
    "calendar_state": [has_no_calendar_state],
    "calendar_feed": [has_no_feed_without_its_token],
    "cancel_appointment": [
        forbids("cancel_appointment", appointment_id=APPOINTMENT, source="staff")
    ],
    "change_webhook": [forbids("change_webhook", webhook_id=WEBHOOK, url="https://mine.test")],
    "changed_events": [is_told_of_no_events],
    "create_webhook": [
        forbids("create_webhook", url="https://mine.test", kinds=[], encrypted_secret="s")
    ],
    "list_webhook_messages": [forbids("list_webhook_messages", webhook_id=WEBHOOK)],
    "list_webhooks": [forbids("list_webhooks", webhook_id=WEBHOOK)],
    "note_webhook_result": [turns_no_webhook_off],
    "organizations_with_old_webhook_messages": [hears_of_no_webhooks],
    "organizations_with_unread_events": [hears_of_no_webhooks],
    "ping_webhook": [forbids("ping_webhook", webhook_id=WEBHOOK)],
    "queue_webhook_messages": [counts_nothing("queue_webhook_messages")],
    "remove_webhook": [forbids("remove_webhook", webhook_id=WEBHOOK)],
    "replay_webhook": [forbids("replay_webhook", webhook_id=WEBHOOK, **{"from": START})],
    "rotate_webhook_secret": [
        forbids("rotate_webhook_secret", webhook_id=WEBHOOK, encrypted_secret="s")
    ],
    "set_alert_urls": [forbids("set_alert_urls", encrypted_urls=b"mine")],
    "sweep_webhook_messages": [counts_nothing("sweep_webhook_messages")],
    "check_availability": [
        forbids(
            "check_availability",
            service_type="consultation",
            **{"from": START, "until": START + HOUR},
            practitioner_id=PRACTITIONER,
        )
    ],
    "claim_deliveries": [claims_nothing],
    "claim_organization_deliveries": [claims_nothing],
    "clinic_configuration": [has_no_configuration],
    "clinic_profile": [has_no_profile],
    "close_calendar_feed": [forbids("close_calendar_feed", practitioner_id=PRACTITIONER)],
    "configure_clinic": [forbids("configure_clinic", document='{"name": "Mine"}', version=99)],
    "confirm_by_patient": [forbids("confirm_by_patient", appointment_id=APPOINTMENT)],
    "current_moment": [tells_only_the_time],
    "delivery_queue_ages": [hears_of_no_deliveries],
    "appointment_panel": [forbids("appointment_panel", appointment_id=APPOINTMENT)],
    "day_view": [forbids("day_view", **{"from": START.date(), "days": 7})],
    "decline_offer": [forbids("decline_offer", waitlist_id=WAITING, source="staff")],
    "extend_holds": [counts_nothing("extend_holds")],
    "find_appointment": [forbids("find_appointment", appointment_id=APPOINTMENT)],
    "find_credential": [has_no_credential_without_its_secret],
    "find_hmac_key": [has_no_hmac_key],
    "find_practitioner": [has_no_practitioners],
    "find_sms_account": [has_no_sms_account],
    "find_voice_line": [has_no_line_without_its_number],
    "finish_delivery": [settles_nothing],
    "inspect_records": [hears_of_no_inspection],
    "hold_slot": [
        forbids(
            "hold_slot",
            service_type="consultation",
            scheduled_at=START + HOUR * 5,
            practitioner_id=PRACTITIONER,
        )
    ],
    "join_waitlist": [
        forbids(
            "join_waitlist",
            name="Tom",
            phone="+442079460777",
            service_type="consultation",
            practitioner_id=PRACTITIONER,
        )
    ],
    "leave_waitlist": [forbids("leave_waitlist", waitlist_id=WAITING, source="staff")],
    "list_alerts": [lists_nothing("list_alerts")],
    "list_appointments": [
        lists_nothing("list_appointments", practitioner_id=PRACTITIONER, lead_id=LEAD)
    ],
    "list_deliveries": [
        forbids("list_deliveries", appointment_id=APPOINTMENT),
        lists_nothing("list_deliveries"),
    ],
    "list_events": [lists_nothing("list_events")],
    "list_leads": [lists_nothing("list_leads", lead_id=LEAD)],
    "list_messages": [lists_nothing("list_messages")],
    "list_texts": [lists_nothing("list_texts")],
    "list_waitlist": [lists_nothing("list_waitlist", lead_id=LEAD)],
    "locate_calendar": [
        forbids(
            "locate_calendar",
            connection_id="SELECT calendar_connections.id FROM calendar_connections "
            "WHERE org_id = $1",
            credentials_version=1,
            calendar="mine",
        )
    ],
    "lookup_caller": [forbids("lookup_caller", phone="+442079460958")],
    "mark_alert_seen": [forbids("mark_alert_seen", alert_id=ALERT)],
    "mark_message": [forbids("mark_message", message_id=MESSAGE, status="done")],
    "mark_appointment": [
        forbids("mark_appointment", appointment_id=APPOINTMENT, status="completed", source="staff")
    ],
    "message_template": [forbids("message_template", kind="sms_confirmation", language="en")],
    "open_calendar_feed": [
        forbids("open_calendar_feed", practitioner_id=PRACTITIONER, token_hash=bytes(32))
    ],
    "organizations_with_due_deliveries": [hears_of_no_deliveries],
    "organizations_with_due_reminders": [hears_of_no_reminders],
    "organizations_with_lapsed_holds": [hears_of_no_other_clinics],
    "queue_reminders": [counts_nothing("queue_reminders")],
    "patient_appointment": [shows_no_page],
    "raise_alert": [forbids("raise_alert", kind="emergency", call_id="c")],
    "record_voice_message": [reports_no_message],
    "record_sent_text": [writes_no_text],
    "remove_sms_account": [forbids("remove_sms_account")],
    "release_hold": [forbids("release_hold", hold_id=HELD, source="staff")],
    "release_holds": [counts_nothing("release_holds")],
    "reschedule_appointment": [
        forbids(
            "reschedule_appointment",
            appointment_id=APPOINTMENT,
            scheduled_at=START + HOUR * 6,
            source="staff",
        )
    ],
    "retry_delivery": [forbids("retry_delivery", subject_id=APPOINTMENT, kind="calendar")],
    "sweep_holds": [counts_nothing("sweep_holds")],
    "save_lead": [forbids("save_lead", lead_id=LEAD, changes='{"name": "Mallory"}')],
    "save_consent": [
        forbids("save_consent", phone="+442079460777", kind="opt_out", source="staff")
    ],
    "save_text": [writes_no_text],
    "set_message_template": [
        forbids("set_message_template", kind="sms_confirmation", language="en", body="Mine")
    ],
    "set_sms_account": [
        forbids(
            "set_sms_account", account_sid="AC2", encrypted_token=b"mine", number="+442079460001"
        )
    ],
    "sms_account": [forbids("sms_account")],
    "take_message": [forbids("take_message", body="Hello")],
    "take_text": [
        forbids(
            "take_text",
            external_id="SM1",
            our_number="+442079460000",
            their_number="+442079460958",
            body="X",
            meaning="cancel",
        )
    ],
    "take_text_status": [
        forbids("take_text_status", text_id=TEXT, attempt=1, external_id="SM1", status="delivered")
    ],
    "transfer_destination": [forbids("transfer_destination")],
    **CALENDAR_ATTEMPTS,
    **CALL_ATTEMPTS,
    **LEAD_ATTEMPTS,
    **SCORE_ATTEMPTS,
    **SETTINGS_ATTEMPTS,
    **PRIVACY_ATTEMPTS,
    **STAFF_ATTEMPTS,
}


async def test_every_function_of_the_api_is_tried_here(reader: asyncpg.Connection) -> None:
    rows = await reader.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege('voxanne_api', oid, 'EXECUTE')",
        list(load_functions()),
    )
    assert {row["proname"] for row in rows} == set(ATTEMPTS)


@pytest.mark.parametrize(
    "attempt",
    [attempt for attempts in ATTEMPTS.values() for attempt in attempts],
    ids=lambda attempt: attempt.__name__,
)
async def test_another_tenant_gets_nothing_from_a_function(scene: Scene, attempt: Attempt) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))

    await attempt(scene)

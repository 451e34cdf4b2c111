"""What the catalogue must say: one booking function, walls on, org_id first, nothing public."""

import re

import asyncpg
import pytest

from tests.sql.wall import ACCOUNT_TABLES, SECRET_TABLES
from voxanne.postgres.migrate import load_functions

REFERENCE_TABLES = {
    "credentials",
    "voice_lines",
    "hmac_keys",
    "appointment_links",
    "oauth_states",
    "calendar_feeds",
    "memberships",
}
# Every function the API may execute. A new one needs a line here and a test in test_wall.py.
API_FUNCTIONS = {
    "accept_invitation",
    "accept_offer",
    "add_line",
    "add_member",
    "add_note",
    "advance_waitlist",
    "appointment_panel",
    "appointments_told_of",
    "audited",
    "begin_calendar_consent",
    "book_appointment_atomic",
    "break_calendar",
    "calendar_feed",
    "calendar_pushed",
    "calendar_state",
    "call_view",
    "calls_to_check",
    "cancel_appointment",
    "change_member_role",
    "change_password",
    "change_webhook",
    "changed_calendar_events",
    "changed_events",
    "check_availability",
    "claim_calendar_sync",
    "claim_deliveries",
    "claim_organization_deliveries",
    "clinic_configuration",
    "clinic_metrics",
    "clinic_profile",
    "close_calendar_feed",
    "configure_clinic",
    "confirm_by_patient",
    "connect_calendar",
    "create_key",
    "create_webhook",
    "current_moment",
    "day_view",
    "decline_offer",
    "delete_note",
    "delivery_queue_ages",
    "disconnect_calendar",
    "end_member_sessions",
    "end_sessions",
    "erase_person",
    "erasure_outlook",
    "export_person",
    "extend_holds",
    "fail_calendar_sync",
    "find_alert_urls",
    "find_appointment",
    "find_consent",
    "find_credential",
    "find_hmac_key",
    "find_invitation",
    "find_practitioner",
    "find_sign_in_link",
    "find_sms_account",
    "find_staff_account",
    "find_voice_line",
    "finish_calendar_sync",
    "finish_delivery",
    "finish_promise_check",
    "follow_calendar_event",
    "forget_calendar_event",
    "hold_slot",
    "inspect_records",
    "join_waitlist",
    "lead_timeline",
    "lead_view",
    "lease_credentials",
    "leave_waitlist",
    "link_calls",
    "list_alerts",
    "list_appointments",
    "list_audit",
    "list_calendar_feeds",
    "list_calendars",
    "list_calls",
    "list_credentials",
    "list_deliveries",
    "list_erasures",
    "list_events",
    "list_leads",
    "list_members",
    "list_messages",
    "list_sessions",
    "list_stuck_deliveries",
    "list_texts",
    "list_waitlist",
    "list_webhook_messages",
    "list_webhooks",
    "locate_calendar",
    "lookup_caller",
    "mark_alert_seen",
    "mark_appointment",
    "mark_message",
    "merge_leads",
    "message_template",
    "note_sign_in_attempt",
    "note_viewing",
    "note_webhook_result",
    "open_calendar_feed",
    "open_session",
    "open_visit",
    "organizations_with_calls_to_check",
    "organizations_with_calls_to_link",
    "organizations_with_due_calendars",
    "organizations_with_due_deliveries",
    "organizations_with_due_reminders",
    "organizations_with_idle_people",
    "organizations_with_lapsed_holds",
    "organizations_with_old_records",
    "organizations_with_old_webhook_messages",
    "organizations_with_unread_events",
    "organizations_with_unscored_leads",
    "patient_appointment",
    "ping_webhook",
    "preview_scores",
    "queue_reminders",
    "queue_webhook_messages",
    "raise_alert",
    "record_sent_text",
    "record_voice_message",
    "rehash_password",
    "release_hold",
    "release_holds",
    "remove_line",
    "remove_member",
    "remove_sms_account",
    "remove_webhook",
    "renew_member_link",
    "replay_webhook",
    "reschedule_appointment",
    "retention_outlook",
    "retry_delivery",
    "revoke_key",
    "rotate_webhook_secret",
    "save_calendar_event",
    "save_consent",
    "save_lead",
    "save_staff_name",
    "save_text",
    "score_changed_leads",
    "score_lead",
    "score_weights",
    "search_leads",
    "set_alert_urls",
    "set_hmac_key",
    "set_message_template",
    "set_score_weights",
    "set_sms_account",
    "set_vapi_secret",
    "sms_account",
    "split_lead",
    "store_calendar_channel",
    "store_credentials",
    "sweep_holds",
    "sweep_idle_people",
    "sweep_old_records",
    "sweep_sign_ins",
    "sweep_webhook_messages",
    "take_calendar_consent",
    "take_message",
    "take_sign_in_link",
    "take_text",
    "take_text_status",
    "transfer_destination",
    "undo_lead_change",
}


async def column(reader: asyncpg.Connection, query: str, *arguments: object) -> list[str]:
    return [str(row[0]) for row in await reader.fetch(query, *arguments)]


async def test_one_function_books(reader: asyncpg.Connection) -> None:
    assert await column(
        reader, "SELECT proname FROM pg_proc WHERE proname = 'book_appointment_atomic'"
    ) == ["book_appointment_atomic"]
    assert await column(
        reader,
        "SELECT routine_name FROM information_schema.routines "
        "WHERE routine_name LIKE '%book%appointment%'",
    ) == ["book_appointment_atomic"]


async def test_the_booking_function_is_what_the_contract_says(reader: asyncpg.Connection) -> None:
    function = await reader.fetchrow(
        "SELECT *, obj_description(oid) AS comment, proowner::regrole::text AS owner, "
        "pg_get_function_arguments(oid) AS arguments "
        "FROM pg_proc WHERE proname = 'book_appointment_atomic'"
    )
    assert function is not None
    assert "one and only" in function["comment"]
    assert function["prosecdef"] is True
    assert function["owner"] == "voxanne"
    assert "search_path=pg_catalog, public, pg_temp" in function["proconfig"]
    assert function["prorettype"] == 114  # json
    seven, _, rest = function["arguments"].partition(", p_practitioner_id")
    assert [argument.split()[0] for argument in seven.split(", ")] == [
        "p_org_id",
        "p_patient_name",
        "p_patient_email",
        "p_patient_phone",
        "p_service_type",
        "p_scheduled_at",
        "p_duration_minutes",
    ]
    assert "DEFAULT" not in seven
    assert all("DEFAULT" in argument for argument in rest.split(", p_"))


async def test_the_owner_is_no_superuser_and_the_apis_role_nothing(
    reader: asyncpg.Connection,
) -> None:
    roles = await reader.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb "
        "FROM pg_roles WHERE rolname IN ('voxanne', 'voxanne_api') ORDER BY rolname"
    )
    assert [tuple(role) for role in roles] == [
        ("voxanne", False, False, True, True, False),
        ("voxanne_api", False, False, False, False, False),
    ]


async def test_a_security_definer_function_pins_its_search_path(
    reader: asyncpg.Connection,
) -> None:
    assert (
        await column(
            reader,
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef "
            "AND NOT coalesce(array_to_string(proconfig, ';'), '') LIKE '%search_path=pg_catalog%'",
        )
        == []
    )


async def test_a_function_that_forbids_plans_forbids_compiling(
    reader: asyncpg.Connection,
) -> None:
    """On 15 with JIT, as Debian has it: 15 ms a booking, against 0.7 ms with jit = off."""
    settings = await column(
        reader,
        "SELECT array_to_string(proconfig, ';') FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace AND 'enable_seqscan=off' = ANY (proconfig)",
    )
    assert settings
    assert all("jit=off" in setting for setting in settings)


async def test_every_function_is_one_file_and_no_overload(reader: asyncpg.Connection) -> None:
    names = await column(
        reader,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS "
        "(SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') ORDER BY proname",
    )
    assert names == sorted(load_functions())


async def test_no_function_is_anybodys(reader: asyncpg.Connection) -> None:
    assert (
        await column(
            reader,
            "SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) "
            "WHERE pronamespace = 'public'::regnamespace AND grantee = 0 AND proname = ANY ($1)",
            list(load_functions()),
        )
        == []
    )


async def test_the_api_may_execute_exactly_these(reader: asyncpg.Connection) -> None:
    granted = await column(
        reader,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege('voxanne_api', oid, 'EXECUTE')",
        list(load_functions()),
    )
    in_files = {
        name
        for name, text in load_functions().items()
        if re.search(r"GRANT EXECUTE .* TO voxanne_api", text)
    }
    assert set(granted) == in_files == API_FUNCTIONS


async def test_the_api_is_granted_nothing_but_reading(reader: asyncpg.Connection) -> None:
    """The walls refuse its writes too; each of the two must hold alone."""
    rows = await reader.fetch(
        "SELECT table_name, privilege_type FROM information_schema.column_privileges "
        "WHERE table_schema = 'public' AND grantee IN ('voxanne_api', 'PUBLIC') "
        "UNION SELECT table_name, privilege_type FROM information_schema.table_privileges "
        "WHERE table_schema = 'public' AND grantee IN ('voxanne_api', 'PUBLIC')"
    )
    assert len(rows) >= 10
    assert {row["privilege_type"] for row in rows} == {"SELECT"}
    assert not {row["table_name"] for row in rows} & (SECRET_TABLES | ACCOUNT_TABLES)


async def test_every_table_of_tenants_has_its_wall_enabled_and_forced(
    reader: asyncpg.Connection,
) -> None:
    rows = await reader.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS walled FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND "
        "(relname = 'organizations' OR relname = ANY ($1) OR EXISTS (SELECT FROM pg_attribute "
        "WHERE attrelid = pg_class.oid AND attname = 'org_id' AND NOT attisdropped))",
        list(ACCOUNT_TABLES),
    )
    assert len(rows) >= 13
    assert [row["relname"] for row in rows if not row["walled"]] == []


async def test_policies_use_row_columns_and_the_claim_only(reader: asyncpg.Connection) -> None:
    rows = await reader.fetch("SELECT tablename, policyname, qual, with_check FROM pg_policies")
    assert {row["policyname"] for row in rows} == {"owner_works", "tenant_reads"}
    assert not [row for row in rows if "select" in f"{row['qual']}{row['with_check']}".lower()]


TENANT_INDEXES = """
SELECT table_class.relname AS table_name, index_class.relname AS index_name,
  (SELECT attname FROM pg_attribute WHERE attrelid = indrelid AND attnum = indkey[0]) AS first
FROM pg_index
JOIN pg_class AS table_class ON table_class.oid = indrelid
JOIN pg_class AS index_class ON index_class.oid = indexrelid
WHERE table_class.relnamespace = 'public'::regnamespace AND EXISTS
  (SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = 'org_id' AND NOT attisdropped)
"""


async def test_org_id_is_first_in_every_key_and_index(reader: asyncpg.Connection) -> None:
    """Constraints of all three kinds have an index, so the indexes tell it all."""
    rows = await reader.fetch(TENANT_INDEXES)
    assert len(rows) >= 15
    wrong = [
        row["index_name"]
        for row in rows
        if row["first"] != "org_id" and row["table_name"] not in REFERENCE_TABLES
    ]
    assert wrong == []


async def test_foreign_keys_start_with_org_id_and_delete_nothing(
    reader: asyncpg.Connection,
) -> None:
    rows = await reader.fetch(
        "SELECT conname, confdeltype, confupdtype, (SELECT attname FROM pg_attribute "
        "WHERE attrelid = conrelid AND attnum = conkey[1]) AS first, "
        "confrelid::regclass::text AS target FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    assert len(rows) >= 10
    for row in rows:
        # People belong to no clinic: theirs is a table that is the same everywhere.
        key = "staff_id" if row["target"] == "staff_accounts" else "org_id"
        found = (row["first"], row["confdeltype"], row["confupdtype"])
        assert found == (key, b"a", b"a"), row["conname"]


async def test_org_id_is_a_uuid_that_is_always_there(reader: asyncpg.Connection) -> None:
    rows = await reader.fetch(
        "SELECT table_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'org_id'"
    )
    assert {(row["data_type"], row["is_nullable"]) for row in rows} == {("uuid", "NO")}


async def test_there_is_no_trigger_of_ours(reader: asyncpg.Connection) -> None:
    assert await column(reader, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert await column(reader, "SELECT rulename FROM pg_rules WHERE schemaname = 'public'") == []


@pytest.mark.parametrize(
    "constraint", ["one_appointment_per_practitioner", "one_appointment_per_room"]
)
async def test_the_guarantee_is_an_exclusion_constraint(
    reader: asyncpg.Connection, constraint: str
) -> None:
    definition = await reader.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1 AND contype = 'x' "
        "AND convalidated AND NOT condeferrable",
        constraint,
    )
    assert definition.startswith("EXCLUDE USING gist (org_id WITH =, ")
    assert "blocked WITH &&" in definition


def test_no_function_names_a_constraint_or_catches_what_it_should_raise() -> None:
    """A booking that is refused for a serialization failure would lie to callers of other slots."""
    for name, text in load_functions().items():
        code = re.sub(r"--.*", "", text).lower()
        assert "constraint_name" not in code, name
        assert "when others" not in code, name
        assert "when serialization_failure" not in code, name
        assert "deadlock_detected" not in code, name

"""Anomalies in the tables, each planted by SQL past every guard, are found and named."""

from dataclasses import dataclass

import pytest

from tests.stress.rich import Scene
from voxanne.stress.oracle import Journal, find_anomalies, judge
from voxanne.stress.oracle.tables import read_rules

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_OVERLAP_GUARD = (
    "ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner",
    "ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_room",
)
# A booking as the function writes it, by hand: the row, its event, its deliveries.
COPY = """
WITH copied AS (
  INSERT INTO appointments (org_id, id, contact_id, practitioner_id, room_id, service_type,
    scheduled_at, ends_at, blocked_from, blocked_until, metadata, created_at, updated_at)
  SELECT org_id, gen_random_uuid(), {contact}, practitioner_id, room_id, service_type,
    scheduled_at + {later}, ends_at + {later}, blocked_from + {later}, blocked_until + {later},
    metadata, created_at, updated_at
  FROM appointments WHERE id = '{id}'
  RETURNING *
), told AS (
  INSERT INTO events (org_id, kind, appointment_id, created_at)
  SELECT org_id, 'booked', id, created_at FROM copied
)
INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at)
SELECT org_id, id, kind, 1, 'voided', created_at
FROM copied CROSS JOIN unnest(ARRAY['calendar', 'sms_confirmation']) AS kind
"""


@dataclass(frozen=True)
class Plant:
    """`rules`: what is expected to be found, and nothing else."""

    name: str
    rules: set[str]
    statements: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def plant(name: str, rules: str, *statements: str) -> Plant:
    return Plant(name, set(rules.split()), statements)


def copy(id_: str, later: str = "interval '0'", contact: str = "NULL") -> str:
    return COPY.replace("{later}", later).replace("{contact}", contact).replace("{id}", id_)


ANN = "'{ann}'"
DELIVERED = f"subject_id = {ANN} AND kind = 'calendar' AND status = 'delivered'"
PLANTS = (
    plant("two at one time", "practitioner_booked_twice", *NO_OVERLAP_GUARD, copy("{ann}")),
    plant(
        "one ends as the next is running",
        "practitioner_booked_twice",
        *NO_OVERLAP_GUARD,
        copy("{ann}", "interval '29 minutes'"),
    ),
    plant(
        "only the buffers meet",
        "practitioner_booked_twice room_booked_twice",
        *NO_OVERLAP_GUARD,
        copy("{last_operation}", "interval '89 minutes'"),
    ),
    plant(
        "one room for two practitioners",
        "room_booked_twice",
        *NO_OVERLAP_GUARD,
        copy("{last_operation}"),
        "UPDATE appointments SET practitioner_id = '00000000-0000-0000-0000-000000000001' "
        "WHERE id = '{last_operation}'",
    ),
    plant(
        "a flag is kept",
        "overbooked_over_nothing overbooked_without_reason",
        f"UPDATE appointments SET overlap_allowed = true WHERE id = {ANN}",
    ),
    plant(
        "overbooked without a word",
        "overbooked_without_reason",
        "UPDATE appointments SET metadata = metadata - 'overlap_reason' WHERE id = '{over}'",
    ),
    plant(
        "ends before it begins",
        "appointment_not_sane",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_check",
        "ALTER TABLE appointments DROP COLUMN blocked CASCADE",
        "ALTER TABLE appointments ADD COLUMN blocked tstzrange",
        "UPDATE appointments SET blocked = tstzrange(coalesce(blocked_from, scheduled_at), "
        "coalesce(blocked_until, ends_at))",
        f"UPDATE appointments SET ends_at = scheduled_at - interval '1 minute' WHERE id = {ANN}",
    ),
    plant(
        "a status nobody knows",
        "appointment_not_sane state_differs",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_status_check",
        f"UPDATE appointments SET status = 'lost' WHERE id = {ANN}",
    ),
    plant(
        "a service of nobody",
        "service_unknown",
        "DELETE FROM clock",
        "UPDATE services SET created_at = '2027-06-01'",
        f"UPDATE appointments SET service_type = 'surgery' WHERE id = {ANN}",
    ),
    plant(
        "a booking past the function",
        "event_beginning",
        "UPDATE events SET appointment_id = '{bob}' "
        f"WHERE appointment_id = {ANN} AND kind = 'booked'",
    ),
    plant(
        "booked without an event",
        "event_beginning",
        f"DELETE FROM events WHERE appointment_id = {ANN} AND kind = 'booked'",
    ),
    plant(
        "moved in silence",
        "state_differs",
        "UPDATE appointments SET scheduled_at = scheduled_at + interval '1 minute' "
        f"WHERE id = {ANN}",
    ),
    plant(
        "cancelled in silence",
        "state_differs version_gap",
        f"UPDATE appointments SET status = 'cancelled', version = version + 1 WHERE id = {ANN}",
    ),
    plant(
        "a version is missing",
        "version_gap",
        f"DELETE FROM events WHERE appointment_id = {ANN} AND kind = 'moved' "
        f"AND data ->> 'version' = '2'",
    ),
    plant(
        "cancelled twice",
        "event_order version_gap state_differs",
        "INSERT INTO events (org_id, kind, appointment_id, data) SELECT org_id, 'completed', "
        "appointment_id, '{{}}' FROM events WHERE kind = 'cancelled' LIMIT 1",
    ),
    plant(
        "one key for two",
        "key_used_twice",
        "DROP INDEX appointments_idempotency",
        "UPDATE appointments SET idempotency_key = 'key-1' WHERE id = '{bob}'",
    ),
    plant(
        "an answer about nothing",
        "key_without_appointment reference_lost",
        "UPDATE idempotency_keys SET result = result || "
        "jsonb_build_object('appointment_id', gen_random_uuid())",
    ),
    plant(
        "one person twice",
        "person_booked_twice practitioner_booked_twice room_booked_twice",
        *NO_OVERLAP_GUARD,
        copy("{last_operation}", contact="contact_id"),
    ),
    plant(
        "a hold is gone",
        "hold_ended_by_nothing",
        "UPDATE appointments SET status = 'expired', version = 2, updated_at = '2027-06-07' "
        "WHERE id = (SELECT id FROM appointments WHERE call_id = 'call-4')",
    ),
    plant(
        "an event of nothing",
        "event_of_no_appointment reference_lost delivery_missing",
        "INSERT INTO events (org_id, kind, appointment_id) "
        "VALUES ('{org}', 'booked', gen_random_uuid())",
    ),
    plant(
        "nobody is told",
        "delivery_missing",
        "DELETE FROM deliveries WHERE subject_id = '{bob}' AND kind = 'sms_confirmation'",
    ),
    plant(
        "two of a kind",
        "delivery_twice delivery_sent_twice",
        "ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey",
        "INSERT INTO deliveries "
        "(org_id, subject_id, kind, version, status, due_at, attempts, external_id) SELECT "
        "org_id, subject_id, kind, version, status, due_at, attempts, external_id FROM deliveries "
        "WHERE subject_id = '{bob}' AND kind = 'sms_confirmation'",
    ),
    plant(
        "sent, and sent again",
        "delivery_sent_twice",
        "INSERT INTO events (org_id, kind, appointment_id, data) "
        "SELECT org_id, kind, appointment_id, data FROM events "
        " WHERE appointment_id = '{bob}' AND kind = 'delivery_sent'",
    ),
    plant(
        "an end without a trace",
        "delivery_end_unrecorded",
        "DELETE FROM events WHERE appointment_id = '{bob}' AND kind = 'delivery_delivered'",
    ),
    plant(
        "sent without an attempt",
        "delivery_attempts_wrong",
        f"UPDATE deliveries SET attempts = 0, attempts_forgiven = 0 WHERE {DELIVERED}",
    ),
    plant(
        "overtaken, and still to be sent",
        "delivery_not_voided",
        "UPDATE deliveries SET status = 'queued', attempts = 0, due_at = 'infinity' "
        f"WHERE subject_id = {ANN} AND kind = 'calendar' AND version = 1",
    ),
    plant(
        "a delivery of nothing",
        "delivery_of_nothing",
        "INSERT INTO deliveries (org_id, subject_id, kind, version, due_at) "
        "VALUES ('{org}', gen_random_uuid(), 'sms_confirmation', 1, 'infinity')",
    ),
    plant(
        "offered to another",
        "offer_not_held",
        "UPDATE appointments "
        "SET contact_id = (SELECT contact_id FROM appointments WHERE id = '{bob}') "
        "WHERE id = (SELECT held_appointment_id FROM waitlist WHERE status = 'offered')",
    ),
    plant(
        "an offer is forgotten",
        "hold_offered_to_nobody",
        "UPDATE waitlist SET status = 'waiting', held_appointment_id = NULL "
        "WHERE status = 'offered'",
    ),
    plant(
        "one person, two leads",
        "lead_twice",
        "ALTER TABLE leads DROP CONSTRAINT leads_org_id_phone_person_key",
        "INSERT INTO leads (org_id, name, person, phone) SELECT org_id, name, person, phone "
        "FROM leads WHERE id = (SELECT contact_id FROM appointments WHERE id = '{bob}')",
    ),
    plant(
        "a crooked number",
        "lead_not_normalised",
        "UPDATE leads SET phone = '020 7946 0111' "
        "WHERE id = (SELECT contact_id FROM appointments WHERE id = '{bob}')",
    ),
    plant(
        "a crooked patient",
        "patient_not_normalised",
        "UPDATE appointments SET metadata = jsonb_set(metadata, '{{patient,phone}}', '\"0111\"') "
        "WHERE id = '{bob}'",
    ),
    plant(
        "rows of nobody",
        "clinic_unknown",
        "INSERT INTO leads (org_id, name, person, phone) "
        "VALUES (gen_random_uuid(), 'Al', 'al', '+442079460777')",
    ),
    plant(
        "one id in two clinics",
        "id_of_two_clinics",
        "INSERT INTO leads (org_id, id, name, person, phone) "
        "SELECT '{other}', contact_id, 'Al', 'al', '+442079460777' FROM appointments "
        "WHERE id = '{bob}'",
    ),
    plant(
        "a lead of another clinic",
        "row_crossed_clinics",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_org_id_contact_id_fkey",
        "UPDATE appointments SET contact_id = (SELECT id FROM leads WHERE org_id = '{other}') "
        "WHERE id = '{bob}'",
    ),
    plant(
        "a practitioner of another clinic",
        "row_crossed_clinics",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_org_id_practitioner_id_fkey",
        "UPDATE appointments SET practitioner_id = '{other}' WHERE id = '{bob}'",
    ),
    plant(
        "an event of another clinic's lead",
        "row_crossed_clinics",
        "UPDATE events SET data = jsonb_build_object('other_id', (SELECT id FROM leads "
        "WHERE org_id = '{other}')) WHERE kind = 'lead_split'",
    ),
    plant(
        "a room that isn't there",
        "reference_lost",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_org_id_room_id_fkey",
        "UPDATE appointments SET room_id = gen_random_uuid() WHERE id = '{operation}'",
    ),
    plant(
        "a key that doesn't hold",
        "reference_broken reference_lost",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_org_id_room_id_fkey",
        "UPDATE appointments SET room_id = gen_random_uuid() WHERE id = '{operation}'",
        "ALTER TABLE appointments "
        "ADD FOREIGN KEY (org_id, room_id) REFERENCES rooms (org_id, id) NOT VALID",
    ),
)


async def test_a_healthy_database_has_no_anomaly(scene: Scene) -> None:
    findings = await judge(scene.diary.owner)
    assert {finding.rule: finding.anomalies for finding in findings if finding.count} == {}
    # A rule that looked at nothing would find nothing.
    assert [finding.rule for finding in findings if finding.looked == 0] == []


@pytest.mark.parametrize("planted", PLANTS, ids=str)
async def test_what_is_planted_is_found(scene: Scene, planted: Plant) -> None:
    assert await found_after(scene, *planted.statements) == planted.rules


async def test_every_rule_has_a_plant(scene: Scene) -> None:
    findings = await judge(scene.diary.owner)
    assert {finding.rule for finding in findings} == set().union(*(one.rules for one in PLANTS))
    assert set(read_rules()) < {finding.rule for finding in findings}


async def test_what_is_overdue_is_found_once_it_had_its_time(scene: Scene) -> None:
    late = (
        "UPDATE deliveries SET status = 'queued', due_at = '2027-06-07' "
        "WHERE subject_id = '{bob}' AND kind = 'calendar'"
    )
    assert await found_after(scene, late) == set()
    assert await found_after(scene, late, journal=Journal()) == {"delivery_overdue"}


async def test_of_a_thousand_anomalies_the_first_hundred_are_told(scene: Scene) -> None:
    owner = scene.diary.owner
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "INSERT INTO leads (org_id, name, person, phone) "
        "SELECT $1, 'Al', 'al', n::text FROM generate_series(1, 1000) AS n",
        scene.diary.org_id,
    )
    (finding,) = [one for one in await judge(owner) if one.count]
    await transaction.rollback()
    assert (finding.rule, finding.count, len(finding.anomalies)) == (
        "lead_not_normalised",
        1000,
        100,
    )


async def found_after(scene: Scene, *statements: str, journal: Journal | None = None) -> set[str]:
    """The rules that find something, with the statements rolled back again."""
    owner = scene.diary.owner
    ids = {name: booking["appointment_id"] for name, booking in scene.bookings.items()}
    transaction = owner.transaction()
    await transaction.start()
    try:
        for statement in statements:
            await owner.execute(
                statement.format(org=scene.diary.org_id, other=scene.other.org_id, **ids)
            )
        return {anomaly.rule for anomaly in await find_anomalies(owner, journal)}
    finally:
        await transaction.rollback()

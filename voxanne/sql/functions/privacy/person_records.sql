-- Purpose: what belongs to a person: the one definition of it, for the export and for the erasure.
-- p_leads: the whole group (lead_group). A number is theirs alone when nobody else is known by it, and
--   nobody else's appointment names it or is written about to it. Of a shared one only what is about them
--   counts.
-- A call in which they booked, moved, cancelled or joined the waitlist is theirs, whoever else was on it;
--   of the other calls from a number of theirs, those that were with nobody else.
-- Cost: by index, what is known of them and of their numbers, for erase_person reads it under its locks:
--   LATERAL with OFFSET 0 makes it a probe for each, whatever the planner believes of the tables.
CREATE FUNCTION person_records(
  p_org_id uuid, p_leads uuid[],
  OUT r_numbers text[],                 -- theirs alone
  OUT r_shared text[],
  OUT r_appointments uuid[],
  OUT r_calls text[],
  OUT r_texts uuid[],
  OUT r_messages uuid[]
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_phones text[];
  v_people text[];
BEGIN
  SELECT array_agg(DISTINCT phone), array_agg(DISTINCT person) INTO v_phones, v_people
  FROM unnest(p_leads) AS lead CROSS JOIN LATERAL (
    SELECT phone, person FROM leads WHERE org_id = p_org_id AND id = lead OFFSET 0) AS known;
  SELECT coalesce(array_agg(id), '{}'),
    v_phones || array_agg(DISTINCT contact) FILTER (WHERE contact IS NOT NULL AND contact <> ALL (v_phones))
  INTO r_appointments, v_phones
  FROM (
    SELECT theirs.* FROM unnest(p_leads) AS lead CROSS JOIN LATERAL (
      SELECT id, metadata FROM appointments WHERE org_id = p_org_id AND contact_id = lead OFFSET 0) AS theirs
    UNION ALL   -- a booking survives the loss of its lead
    SELECT lost.* FROM unnest(v_phones) AS number CROSS JOIN LATERAL (
      SELECT id, metadata FROM appointments
      WHERE org_id = p_org_id AND contact_id IS NULL AND metadata #>> '{patient,phone}' = number
        AND person_key(metadata #>> '{patient,name}') = ANY (v_people) OFFSET 0) AS lost
  ) AS booked
  CROSS JOIN LATERAL (SELECT metadata #>> '{patient,contact_phone}' AS contact) AS reached;
  SELECT coalesce(array_agg(number.phone ORDER BY number.phone) FILTER (WHERE NOT shared), '{}'),
    coalesce(array_agg(number.phone ORDER BY number.phone) FILTER (WHERE shared), '{}')
  INTO r_numbers, r_shared
  FROM unnest(v_phones) AS number (phone)
  CROSS JOIN LATERAL (SELECT
    EXISTS (SELECT FROM leads
            WHERE org_id = p_org_id AND leads.phone = number.phone AND id <> ALL (p_leads))
    OR EXISTS (SELECT FROM (
                 SELECT appointment_id FROM texts
                 WHERE org_id = p_org_id AND their_number = number.phone AND appointment_id IS NOT NULL OFFSET 0) AS sent
               CROSS JOIN LATERAL (
                 SELECT contact_id FROM appointments
                 WHERE org_id = p_org_id AND id = sent.appointment_id OFFSET 0) AS booked
               WHERE contact_id <> ALL (p_leads))
    OR EXISTS (SELECT FROM appointments
               WHERE org_id = p_org_id AND metadata #>> '{patient,contact_phone}' = number.phone
                 AND status NOT IN ('cancelled', 'expired') AND id <> ALL (r_appointments))
    AS shared) AS known;
  SELECT coalesce(array_agg(call_id), '{}') INTO r_calls FROM (
    SELECT known.call_id FROM unnest(p_leads) AS lead CROSS JOIN LATERAL (
      SELECT call_id FROM calls WHERE org_id = p_org_id AND lead_id = lead OFFSET 0) AS known
    UNION SELECT known.call_id FROM unnest(r_numbers) AS number CROSS JOIN LATERAL (
      SELECT call_id FROM calls
      WHERE org_id = p_org_id AND caller_phone = number
        AND (lead_id IS NULL OR lead_id = ANY (p_leads)) OFFSET 0) AS known
    UNION SELECT known.call_id FROM unnest(r_appointments) AS booked CROSS JOIN LATERAL (
      SELECT call_id FROM appointments WHERE org_id = p_org_id AND id = booked AND call_id IS NOT NULL
      UNION ALL SELECT call_id FROM events
      WHERE org_id = p_org_id AND appointment_id = booked AND kind <> 'booked' AND call_id IS NOT NULL
      OFFSET 0) AS known
    UNION SELECT wish.call_id FROM unnest(p_leads) AS lead CROSS JOIN LATERAL (
      SELECT call_id FROM waitlist
      WHERE org_id = p_org_id AND contact_id = lead AND call_id IS NOT NULL OFFSET 0) AS wish
    UNION SELECT call_id FROM (   -- kept before there were records of calls; only these are read through
      SELECT call_id, payload FROM voice_messages AS raw
      WHERE org_id = p_org_id AND unrecorded
        AND NOT EXISTS (SELECT FROM calls WHERE org_id = p_org_id AND calls.call_id = raw.call_id OFFSET 0)
      OFFSET 0) AS unrecorded
    WHERE payload::text LIKE ANY (SELECT '%' || number || '%' FROM unnest(r_numbers) AS number)
  ) AS spoken;
  SELECT coalesce(array_agg(id), '{}') INTO r_texts FROM (
    SELECT said.id FROM unnest(r_numbers) AS number CROSS JOIN LATERAL (
      SELECT id FROM texts WHERE org_id = p_org_id AND their_number = number OFFSET 0) AS said
    UNION SELECT sent.id FROM unnest(r_appointments) AS booked CROSS JOIN LATERAL (
      SELECT id FROM texts
      WHERE org_id = p_org_id AND appointment_id = booked
        AND direction = 'out' AND kind <> 'sms_reply' OFFSET 0) AS sent
    UNION SELECT said.id FROM unnest(r_shared) AS number CROSS JOIN LATERAL (
      SELECT * FROM texts WHERE org_id = p_org_id AND their_number = number OFFSET 0) AS said
    WHERE (appointment_id = ANY (r_appointments)
           OR choices -> 'appointments' ?| r_appointments::text[]
           -- What was answered with something about them.
           OR direction = 'in' AND (
             SELECT appointment_id FROM texts AS next
             WHERE next.org_id = p_org_id AND next.their_number = said.their_number AND next.place > said.place
             ORDER BY next.place LIMIT 1) = ANY (r_appointments))
  ) AS written;
  SELECT coalesce(array_agg(DISTINCT id), '{}') INTO r_messages FROM (
    SELECT behind.* FROM unnest(r_numbers || r_shared) AS number CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE org_id = p_org_id AND caller_phone = number OFFSET 0) AS behind
    UNION ALL SELECT behind.* FROM unnest(r_numbers || r_shared) AS number CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE org_id = p_org_id AND callback_phone = number OFFSET 0) AS behind
    UNION ALL SELECT behind.* FROM unnest(r_calls) AS call CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE org_id = p_org_id AND call_id = call OFFSET 0) AS behind
  ) AS behind
  WHERE (caller_phone = ANY (r_numbers) OR callback_phone = ANY (r_numbers)
         OR (caller_phone = ANY (r_shared) OR callback_phone = ANY (r_shared) OR call_id = ANY (r_calls))
           AND CASE WHEN name IS NULL THEN call_id = ANY (r_calls) ELSE person_key(name) = ANY (v_people) END);
END $$;
REVOKE ALL ON FUNCTION person_records FROM PUBLIC;

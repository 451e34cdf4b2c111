-- Purpose: a person, locked to be erased: nobody books, writes or moves for them meanwhile.
-- Lock order: that of lock_diary, callers in the order of their numbers; then the calls' and the leads' rows.
--   Practitioners and rooms only where a time of theirs is still to come: what is past stays where it is.
-- Outcomes: the leads of the group, and their person_records; NULL: there is none (any more). When the
--   person came to another number while we waited, serialization_failure: the whole transaction is run again.
CREATE FUNCTION lock_person(
  p_org_id uuid, p_lead_id uuid,
  OUT r_leads uuid[],
  OUT r_numbers text[],
  OUT r_shared text[],
  OUT r_appointments uuid[],
  OUT r_calls text[],
  OUT r_texts uuid[],
  OUT r_messages uuid[]
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_before record;
  v_leads uuid[] := lead_group(p_org_id, p_lead_id);
  v_number text;
  v_practitioners uuid[];
BEGIN
  v_before := person_records(p_org_id, v_leads);
  FOR v_number IN SELECT unnest(v_before.r_numbers || v_before.r_shared) ORDER BY 1 LOOP
    PERFORM lock_diary(p_org_id, v_number, NULL, '{}', false, true);
  END LOOP;
  SELECT array_agg(DISTINCT practitioner_id ORDER BY practitioner_id) INTO v_practitioners
  FROM appointments
  WHERE org_id = p_org_id AND contact_id = ANY (v_leads) AND status IN ('held', 'confirmed')
    AND (status = 'held' OR scheduled_at > current_moment());
  IF v_practitioners IS NOT NULL THEN
    PERFORM lock_diary(p_org_id, NULL, NULL, v_practitioners,
                       EXISTS (SELECT FROM rooms WHERE org_id = p_org_id), true);
  END IF;
  v_leads := lead_group(p_org_id, p_lead_id);
  -- Before the leads: a report of a call has its row first, and then links it to a lead.
  PERFORM FROM calls WHERE org_id = p_org_id AND call_id = ANY (v_before.r_calls) ORDER BY call_id FOR UPDATE;
  PERFORM FROM leads WHERE org_id = p_org_id AND id = ANY (v_leads) ORDER BY id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  r_leads := v_leads;
  SELECT held.* INTO r_numbers, r_shared, r_appointments, r_calls, r_texts, r_messages
  FROM person_records(p_org_id, v_leads) AS held;
  IF NOT (v_before.r_numbers || v_before.r_shared) @> (r_numbers || r_shared) THEN
    RAISE serialization_failure USING MESSAGE = 'the person came to another number';
  END IF;
END $$;
REVOKE ALL ON FUNCTION lock_person FROM PUBLIC;

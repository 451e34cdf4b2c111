-- Purpose: erases a person: everybody of the lead's group, and all that is held about them.
-- p_actor: who wants it, for the receipt. p_cancel_appointments: what is upcoming is cancelled first, so
--   that calendars and the waitlist learn of it; without it the erasure is refused.
-- Guarantees: all or nothing; nothing is sent to them any more; who opted out of texts still gets none;
--   others on the same number stay whole; the appointments' times stay for the clinic's figures. What is
--   outside is told in the receipt (docs/how-to/privacy.md).
-- Lock order: that of lock_diary (lock_person), then the leads.
-- Outcomes: {"success", "erasure_id", "lead_id", "counts", "outside"}; or NOT_FOUND, also the second
--   time; NEEDS_CONFIRMATION with "upcoming"; INVALID_ARGUMENTS.
CREATE FUNCTION erase_person(
  p_org_id uuid, p_lead_id uuid, p_actor text, p_cancel_appointments boolean DEFAULT false
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz;
  v_leads uuid[];
  v_held record;
  v_upcoming uuid[];
  v_texts uuid[];
  v_counts jsonb;
  v_outside jsonb;
  v_erasure uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF coalesce(length(p_actor), 0) NOT BETWEEN 1 AND 254 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF NOT EXISTS (SELECT FROM leads WHERE org_id = p_org_id AND id = p_lead_id) THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  v_held := lock_person(p_org_id, p_lead_id);
  v_leads := v_held.r_leads;
  IF v_leads IS NULL THEN
    RETURN refusal('NOT_FOUND');   -- somebody was quicker
  END IF;
  v_now := current_moment();
  SELECT coalesce(array_agg(id ORDER BY scheduled_at, id), '{}') INTO v_upcoming FROM appointments
  WHERE org_id = p_org_id AND id = ANY (v_held.r_appointments) AND status = 'confirmed' AND scheduled_at > v_now;
  IF v_upcoming <> '{}' AND p_cancel_appointments IS NOT TRUE THEN
    RETURN refusal('NEEDS_CONFIRMATION', jsonb_build_object(
      'needs', 'cancel_appointments', 'upcoming', cardinality(v_upcoming)));
  END IF;

  v_counts := jsonb_build_object('waitlist', leave_waitlist_for_good(p_org_id, v_leads, v_now));
  PERFORM cancel_appointment(p_org_id, booked, p_source => 'staff') FROM unnest(v_upcoming) AS booked;
  v_counts := v_counts || jsonb_build_object(
    'cancelled', cardinality(v_upcoming),
    'deliveries', silence_deliveries(p_org_id, v_held.r_appointments, v_held.r_texts, v_now));
  -- Once more: what a worker wrote down until it was silenced is theirs, too.
  v_texts := (person_records(p_org_id, v_leads)).r_texts;
  v_counts := v_counts || jsonb_build_object('appointments', cardinality(v_held.r_appointments));
  v_outside := outside_records(p_org_id, v_held.r_calls, v_texts, v_held.r_appointments);
  v_outside := v_outside || jsonb_build_object(
    'calendars', strip_appointments(p_org_id, v_held.r_appointments, v_now));
  PERFORM note_running_calls(p_org_id, v_held.r_appointments, v_now);
  v_counts := v_counts
    || jsonb_build_object('calls', strip_calls(p_org_id, v_held.r_calls, v_leads, v_now))
    || jsonb_build_object('consents', strip_consents(p_org_id, v_held.r_numbers))
    || erase_rows(p_org_id, v_leads, v_texts, v_held.r_messages, v_now);

  INSERT INTO erasures (org_id, lead_id, actor, counts, outside, created_at)
  VALUES (p_org_id, v_leads[1], p_actor, v_counts, v_outside, v_now) RETURNING id INTO v_erasure;
  INSERT INTO events (org_id, kind, lead_id, data, created_at)
  VALUES (p_org_id, 'person_erased', v_leads[1], jsonb_build_object('erasure_id', v_erasure), v_now);
  RETURN json_build_object(
    'success', true, 'erasure_id', v_erasure, 'lead_id', v_leads[1], 'counts', v_counts,
    'outside', v_outside, 'message', 'The person is erased', 'created_at', v_now);
END $$;
REVOKE ALL ON FUNCTION erase_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_person TO voxanne_api;

-- Purpose: keeps a time for a caller while the call goes on, under the same rules, locks and
-- constraints as a booking.
-- Guarantees: it lapses by itself (organizations.hold_seconds) with nobody sweeping; asked again for
-- the same start the call gets the same hold.
-- Lock order: that of lock_diary.
-- Outcomes: {"success", "hold_id", "expires_at", …}, or a refusal as book_appointment_atomic gives;
-- LIMIT_REACHED when the call holds enough already.
CREATE FUNCTION hold_slot(
  p_org_id uuid,
  p_service_type text,
  p_scheduled_at timestamptz,
  p_duration_minutes integer DEFAULT NULL,   -- a configured service's own duration wins
  p_practitioner_id uuid DEFAULT NULL,
  p_room_id uuid DEFAULT NULL,
  p_call_id text DEFAULT NULL,
  p_caller_phone text DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL,
  p_request_hash text DEFAULT NULL,
  p_source text DEFAULT 'sql',
  p_alternatives integer DEFAULT 3
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_holds_per_call_max constant integer := 3;
  c_holds_without_call_max constant integer := 20;
  v_rules clinic_rules;
  v_wanted appointments;
  v_lead leads;                              -- of a hold only the caller's number is known
  v_candidates uuid[];
  v_own appointments;
  v_hash text := coalesce(p_request_hash, md5(jsonb_build_array(
    'hold_slot', p_service_type, p_scheduled_at, p_duration_minutes, p_practitioner_id,
    p_room_id, p_call_id, p_caller_phone)::text));
  v_now timestamptz;
  v_room_refused boolean;
  v_refused text;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_rules := find_rules(p_org_id, p_service_type, p_duration_minutes);
  IF v_rules IS NULL THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_lead.phone := normalize_phone(p_caller_phone);
  v_refused := CASE
    WHEN NOT isfinite(p_scheduled_at) OR p_scheduled_at >= '10000-01-01' THEN 'INVALID_DATE'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source)) > 1000
      OR p_source IS NULL OR p_alternatives NOT BETWEEN 0 AND 10
      OR length(p_idempotency_key) NOT BETWEEN 1 AND 300 THEN 'INVALID_ARGUMENTS'
    WHEN v_rules.service_type IS NULL OR length(v_rules.service_type) > 100 THEN 'UNKNOWN_SERVICE'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  v_room_refused := room_refused(p_org_id, p_room_id, v_rules, p_source);
  IF p_room_id IS NOT NULL THEN
    v_rules.rooms := ARRAY[p_room_id];
  END IF;
  v_candidates := CASE
    WHEN p_practitioner_id IS NULL THEN v_rules.practitioners
    WHEN p_practitioner_id = ANY (v_rules.practitioners) THEN ARRAY[p_practitioner_id]
    ELSE '{}'
  END;
  -- The call stands for the caller, whose holds are counted.
  PERFORM lock_diary(p_org_id, concat('call:', p_call_id), p_idempotency_key, v_candidates,
                     v_rules.rooms IS NOT NULL, true);
  v_now := current_moment();
  v_result := replayed_request(p_org_id, p_idempotency_key, v_hash);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  v_refused := coalesce(
    CASE WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
         WHEN cardinality(v_candidates) = 0 THEN 'UNKNOWN_PRACTITIONER' END,
    time_refusal(v_rules, p_scheduled_at, v_now),
    CASE WHEN v_room_refused THEN 'NOT_FOUND' END);
  IF v_refused IS NULL THEN
    -- Theirs already: the call's own, or offered to the number from the waitlist.
    SELECT * INTO v_own FROM appointments
    WHERE org_id = p_org_id AND call_id = p_call_id AND status = 'held' AND hold_expires_at > v_now
      AND scheduled_at = p_scheduled_at AND service_type = v_rules.service_type
      AND practitioner_id = ANY (v_candidates)
    LIMIT 1;
    IF NOT FOUND THEN
      SELECT appointments.* INTO v_own
      FROM leads
      JOIN appointments ON appointments.org_id = p_org_id AND contact_id = leads.id
      WHERE leads.org_id = p_org_id AND phone = v_lead.phone AND scheduled_at = p_scheduled_at
        AND appointments.status = 'held' AND hold_expires_at > v_now
        AND service_type = v_rules.service_type AND practitioner_id = ANY (v_candidates)
      LIMIT 1;
    END IF;
    IF FOUND THEN
      RETURN hold_result(v_own, v_rules.names[array_position(v_rules.practitioners, v_own.practitioner_id)], true);
    END IF;
    IF (find_booked(p_org_id, NULL, NULL, v_lead.phone, NULL, NULL, v_now, v_now)).r_upcoming
         >= v_rules.upcoming_max AND p_source <> 'staff'
       OR p_call_id IS NOT NULL AND c_holds_per_call_max <= (
         SELECT count(*) FROM appointments
         WHERE org_id = p_org_id AND call_id = p_call_id AND status = 'held'
           AND hold_expires_at > v_now AND contact_id IS NULL)
       OR p_call_id IS NULL AND c_holds_without_call_max <= (
         SELECT count(*) FROM appointments
         WHERE org_id = p_org_id AND call_id IS NULL AND status = 'held'
           AND hold_expires_at > v_now AND contact_id IS NULL) THEN
      v_refused := 'LIMIT_REACHED';
    END IF;
  END IF;
  IF v_refused IS NULL THEN
    v_wanted.org_id := p_org_id;
    v_wanted.status := 'held';
    v_wanted.hold_expires_at := v_now + v_rules.hold;
    v_wanted.service_type := v_rules.service_type;
    v_wanted.scheduled_at := p_scheduled_at;
    v_wanted.ends_at := p_scheduled_at + v_rules.duration;
    v_wanted.blocked_from := p_scheduled_at - v_rules.buffer_before;
    v_wanted.blocked_until := v_wanted.ends_at + v_rules.buffer_after;
    v_wanted.source := p_source;
    v_wanted.call_id := p_call_id;
    v_result := place_appointment(v_rules, v_wanted, v_lead, v_candidates, false, false, NULL, NULL, v_now);
    v_refused := v_result ->> 'error';
  END IF;
  IF v_refused IS NOT NULL THEN
    RETURN refuse_with_alternatives(
      v_refused, p_org_id, v_rules, v_candidates, p_practitioner_id, p_scheduled_at, v_now,
      p_call_id, v_lead.phone, NULL, p_alternatives);
  END IF;
  RETURN remember_request(p_org_id, p_idempotency_key, v_hash, v_result, v_now);
END $$;
REVOKE ALL ON FUNCTION hold_slot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_slot TO voxanne_api;

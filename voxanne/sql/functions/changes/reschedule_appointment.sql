-- Purpose: moves a booked appointment: the new time is taken and the old one freed in one transaction.
-- Guarantees: those of book_appointment_atomic; a refusal leaves the appointment where it was. The
--   appointment keeps its length and buffers, and its practitioner unless another is named.
-- Lock order: that of lock_diary (old and new practitioner together), then the row.
-- Outcomes: the booking's result with "previous"; or a refusal: NOT_FOUND (none such, or not to come
--   any more), NOT_YOURS, NEEDS_CONFIRMATION, STALE_VERSION, or those of a booking's time.
CREATE FUNCTION reschedule_appointment(
  p_org_id uuid,
  p_appointment_id uuid,
  p_scheduled_at timestamptz,
  p_practitioner_id uuid DEFAULT NULL,
  p_room_id uuid DEFAULT NULL,
  p_duration_minutes integer DEFAULT NULL,   -- staff only, here or in their calendar
  p_version integer DEFAULT NULL,            -- the one the caller saw; NULL: whatever it is
  p_caller_phone text DEFAULT NULL,          -- NULL: who knows the id may
  p_caller_name text DEFAULT NULL,
  p_caller_birth_date date DEFAULT NULL,
  p_call_id text DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL,
  p_request_hash text DEFAULT NULL,
  p_source text DEFAULT 'sql',
  p_allow_overlap boolean DEFAULT false,
  p_overlap_reason text DEFAULT NULL,
  p_alternatives integer DEFAULT 3
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_rules clinic_rules;
  v_before appointments;
  v_wanted appointments;
  v_lead leads;
  v_candidates uuid[];
  v_hash text := coalesce(p_request_hash, md5(jsonb_build_array(
    'reschedule_appointment', p_appointment_id, p_scheduled_at, p_practitioner_id,
    p_room_id, p_duration_minutes, p_caller_phone)::text));
  v_now timestamptz;
  v_room_refused boolean;
  v_refused text;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refused := CASE
    WHEN NOT isfinite(p_scheduled_at) OR p_scheduled_at >= '10000-01-01' THEN 'INVALID_DATE'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source, p_overlap_reason,
                       p_caller_name)) > 1000
      OR p_source IS NULL OR p_alternatives NOT BETWEEN 0 AND 10
      OR length(p_idempotency_key) NOT BETWEEN 1 AND 300 THEN 'INVALID_ARGUMENTS'
    WHEN p_allow_overlap AND (p_source <> 'staff' OR coalesce(btrim(p_overlap_reason), '') = '')
      OR p_duration_minutes IS NOT NULL AND p_source NOT IN ('staff', 'calendar') THEN 'UNAUTHORIZED'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  SELECT * INTO v_before FROM appointments WHERE org_id = p_org_id AND id = p_appointment_id;
  v_rules := find_rules(p_org_id, v_before.service_type, NULL);
  IF v_rules IS NULL THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_candidates := CASE
    WHEN coalesce(p_practitioner_id, v_before.practitioner_id) = ANY (v_rules.practitioners)
      THEN ARRAY[coalesce(p_practitioner_id, v_before.practitioner_id)]
    -- Booked when the clinic had no practitioner of its own.
    WHEN p_practitioner_id IS NULL AND v_before.practitioner_id = p_org_id THEN v_rules.practitioners
    ELSE '{}'
  END;
  v_before := lock_appointment(p_org_id, p_appointment_id, p_idempotency_key, v_candidates);
  v_now := current_moment();
  v_result := replayed_request(p_org_id, p_idempotency_key, v_hash);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  v_lead := find_owner(v_before);
  v_result := change_refusal(v_before, v_lead, v_rules.caller_check, p_source, p_caller_phone,
                             p_caller_name, p_caller_birth_date, p_version, v_now);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  v_rules.duration := coalesce(make_interval(mins => p_duration_minutes), v_before.ends_at - v_before.scheduled_at);
  v_rules.buffer_before := v_before.scheduled_at - lower(v_before.blocked);
  v_rules.buffer_after := upper(v_before.blocked) - v_before.ends_at;
  v_room_refused := room_refused(p_org_id, p_room_id, v_rules, p_source);
  IF p_room_id IS NOT NULL THEN
    v_rules.rooms := ARRAY[p_room_id];
  ELSIF v_rules.rooms IS NULL AND v_before.room_id IS NOT NULL THEN
    v_rules.rooms := ARRAY[v_before.room_id];   -- chosen once, for a service that lists none
  END IF;
  IF p_scheduled_at = v_before.scheduled_at AND p_scheduled_at + v_rules.duration = v_before.ends_at
     AND coalesce(p_practitioner_id, v_before.practitioner_id) = v_before.practitioner_id
     AND coalesce(p_room_id, v_before.room_id) IS NOT DISTINCT FROM v_before.room_id THEN
    RETURN (replayed_result(p_org_id, p_appointment_id)::jsonb
      || previous_time(v_before))::json;
  END IF;

  v_refused := coalesce(
    CASE WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
         WHEN cardinality(v_candidates) = 0 THEN 'UNKNOWN_PRACTITIONER' END,
    CASE WHEN time_refusal(v_rules, p_scheduled_at, v_now) <> 'TOO_SOON'
           -- What the call holds it can have.
           OR (find_hold(p_org_id, NULL, p_call_id, p_scheduled_at, v_now)).service_type
             IS DISTINCT FROM v_before.service_type
         THEN time_refusal(v_rules, p_scheduled_at, v_now) END,
    CASE WHEN v_room_refused THEN 'NOT_FOUND' END);
  IF v_refused IS NULL THEN
    v_wanted := v_before;
    v_wanted.scheduled_at := p_scheduled_at;
    v_wanted.ends_at := p_scheduled_at + v_rules.duration;
    v_wanted.blocked_from := p_scheduled_at - v_rules.buffer_before;
    v_wanted.blocked_until := v_wanted.ends_at + v_rules.buffer_after;
    v_wanted.call_id := p_call_id;
    v_wanted.metadata := v_before.metadata - 'overlap_reason';
    v_result := place_appointment(v_rules, v_wanted, v_lead, v_candidates, false, p_allow_overlap,
                                  p_overlap_reason, NULL, v_now);
    v_refused := v_result ->> 'error';
  END IF;
  IF v_refused IS NOT NULL THEN
    RETURN refuse_with_alternatives(
      v_refused, p_org_id, v_rules, v_candidates, v_candidates[1], p_scheduled_at, v_now,
      p_call_id, v_lead.phone, p_appointment_id, p_alternatives);
  END IF;
  PERFORM offer_freed_time(v_before, v_now);
  RETURN remember_request(p_org_id, p_idempotency_key, v_hash,
                          (v_result::jsonb || previous_time(v_before))::json, v_now);
END $$;
REVOKE ALL ON FUNCTION reschedule_appointment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reschedule_appointment TO voxanne_api;

-- Purpose: the one and only way a booking is made.
-- Guarantees: no practitioner and no room is in two live appointments, at every isolation level;
--   a repeated call is the same booking; appointment, lead, event and deliveries commit together;
--   a refusal writes nothing and says nothing about whoever holds the slot.
-- Lock order: that of lock_diary. Nothing is locked for a slot that is plainly taken.
-- Outcomes: success, or a refusal() whose code is in docs/reference/outcomes.md. Serialization
--   failures and deadlocks are raised, for the caller to run the whole transaction again.
CREATE FUNCTION book_appointment_atomic(
  p_org_id uuid,
  p_patient_name text,
  p_patient_email text,                      -- NULL or empty: none
  p_patient_phone text,                      -- whom the appointment belongs to
  p_service_type text,
  p_scheduled_at timestamptz,
  p_duration_minutes integer,                -- a configured service's own duration wins
  p_practitioner_id uuid DEFAULT NULL,       -- NULL: whoever is free, see rank_practitioners
  p_room_id uuid DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL,
  p_request_hash text DEFAULT NULL,          -- what the key stands for; NULL: these arguments
  p_call_id text DEFAULT NULL,
  p_source text DEFAULT 'sql',
  p_contact_phone text DEFAULT NULL,         -- where to reach them, if not p_patient_phone
  p_phone_verified boolean DEFAULT false,
  p_allow_overlap boolean DEFAULT false,     -- staff only, with a reason
  p_overlap_reason text DEFAULT NULL,
  p_metadata jsonb DEFAULT '{}'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Planned while the tables are empty, a session would keep sequential scans for good.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_clinic organizations;
  v_name text := normalize_name(p_patient_name);
  v_email text := normalize_email(p_patient_email);
  v_phone text := normalize_phone(p_patient_phone);
  v_contact_phone text := normalize_phone(p_contact_phone);
  v_person text := person_key(v_name);
  v_service services;
  v_service_type text := lower(btrim(p_service_type));
  v_hash text;
  v_ends_at timestamptz;
  v_blocked tstzrange;
  v_candidates uuid[];
  v_practitioner uuid;
  v_open tstzmultirange;
  v_any_open boolean := false;
  v_taken boolean;
  v_refused text;
  v_found record;
  v_appointment appointments;
BEGIN
  -- Who, and is it readable?
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION', v_now);
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION', v_now);
  END IF;
  v_refused := CASE
    WHEN v_name IS NULL THEN 'INVALID_NAME'
    WHEN v_phone IS NULL OR (v_contact_phone IS NULL AND p_contact_phone <> '') THEN 'INVALID_PHONE'
    WHEN v_email IS NULL AND btrim(p_patient_email) <> '' THEN 'INVALID_EMAIL'
    WHEN NOT isfinite(p_scheduled_at) OR p_scheduled_at >= '10000-01-01' THEN 'INVALID_DATE'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN v_service_type IS NULL OR v_service_type = '' OR length(v_service_type) > 100
      THEN 'UNKNOWN_SERVICE'
    WHEN length(p_idempotency_key) NOT BETWEEN 1 AND 500 OR length(p_request_hash) > 100
      OR length(p_call_id) > 200 OR p_source IS NULL OR length(p_source) > 50
      OR p_metadata IS NULL OR jsonb_typeof(p_metadata) <> 'object'
      OR pg_column_size(p_metadata) > 16384 OR length(p_overlap_reason) > 500
      THEN 'INVALID_ARGUMENTS'
    WHEN p_allow_overlap AND (p_source <> 'staff' OR coalesce(btrim(p_overlap_reason), '') = '')
      THEN 'UNAUTHORIZED'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused, v_now);
  END IF;

  -- What? The clinic's service, by key or name; a clinic that lists none takes any.
  SELECT * INTO v_service FROM services WHERE org_id = p_org_id AND active
  ORDER BY key = v_service_type DESC, lower(name) = v_service_type DESC LIMIT 1;
  IF v_service_type IN (v_service.key, lower(v_service.name)) THEN
    v_service_type := v_service.key;
    v_ends_at := p_scheduled_at + make_interval(mins => v_service.duration_minutes);
  ELSIF v_service.key IS NOT NULL THEN
    v_refused := 'UNKNOWN_SERVICE';
  ELSE
    v_ends_at := p_scheduled_at + make_interval(mins => coalesce(p_duration_minutes, 60));
  END IF;
  v_blocked := tstzrange(p_scheduled_at, v_ends_at);
  v_candidates := candidate_practitioners(p_org_id, p_practitioner_id);
  IF p_idempotency_key IS NOT NULL THEN
    v_hash := coalesce(p_request_hash, md5(jsonb_build_array(v_person, v_phone, v_contact_phone,
      v_email, v_service_type, p_scheduled_at, p_duration_minutes, p_practitioner_id)::text));
  END IF;

  -- A slot that is plainly taken is refused without queueing, unless it is the caller's own.
  IF v_refused IS NULL AND v_candidates IS NOT NULL AND p_scheduled_at > v_now
     AND NOT p_allow_overlap THEN
    v_taken := true;
    FOREACH v_practitioner IN ARRAY v_candidates LOOP
      v_taken := coalesce(slot_taken(p_org_id, v_practitioner, p_room_id, v_blocked, NULL), false);
      EXIT WHEN NOT v_taken;
    END LOOP;
    IF v_taken THEN
      v_found := find_booked(p_org_id, p_idempotency_key, v_hash, v_phone, v_person,
                             v_service_type, p_scheduled_at);
      IF (v_found.r_appointment).id IS NULL THEN
        RETURN refusal('SLOT_UNAVAILABLE', v_now);
      END IF;
    END IF;
  END IF;

  PERFORM lock_diary(p_org_id, v_phone, p_idempotency_key, coalesce(v_candidates, '{}'),
                     p_room_id IS NOT NULL);
  v_now := current_moment();

  -- Is it theirs already? Before anything else can refuse it.
  v_found := find_booked(p_org_id, p_idempotency_key, v_hash, v_phone, v_person, v_service_type,
                         p_scheduled_at);
  IF v_found.r_mismatch THEN
    RETURN refusal('IDEMPOTENCY_MISMATCH', v_now);
  ELSIF (v_found.r_appointment).id IS NOT NULL THEN
    RETURN appointment_result(v_found.r_appointment, true, v_now);
  END IF;

  -- May it be, by the clinic's rules?
  v_refused := CASE
    WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
    WHEN v_refused IS NOT NULL THEN v_refused
    WHEN v_candidates IS NULL THEN 'UNKNOWN_PRACTITIONER'
    WHEN p_scheduled_at <= v_now THEN 'DATE_IN_PAST'
    WHEN p_scheduled_at > v_now + make_interval(days => v_clinic.horizon_days) THEN 'TOO_FAR_AHEAD'
    WHEN p_scheduled_at < v_now + make_interval(mins => v_clinic.notice_minutes) THEN 'TOO_SOON'
    WHEN p_room_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM rooms WHERE org_id = p_org_id AND id = p_room_id AND active) THEN 'NOT_FOUND'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused, v_now);
  END IF;

  -- Who is open and free? The first for whom it can be stored has it.
  IF cardinality(v_candidates) > 1 THEN
    v_candidates := rank_practitioners(p_org_id, v_candidates, v_clinic.timezone, p_scheduled_at);
  END IF;
  FOREACH v_practitioner IN ARRAY v_candidates LOOP
    v_open := open_spans(p_org_id, v_practitioner, v_clinic.timezone,
                         (p_scheduled_at AT TIME ZONE v_clinic.timezone)::date,
                         (v_ends_at AT TIME ZONE v_clinic.timezone)::date);
    CONTINUE WHEN NOT v_open @> tstzrange(p_scheduled_at, v_ends_at);
    v_any_open := true;
    v_taken := slot_taken(p_org_id, v_practitioner, p_room_id, v_blocked, v_now);
    CONTINUE WHEN v_taken AND NOT p_allow_overlap;
    v_appointment := store_appointment(
      p_org_id, v_practitioner, p_room_id, v_found.r_lead_id, v_name, v_person, v_phone,
      p_phone_verified, v_email, v_service_type, p_scheduled_at, v_ends_at, v_blocked,
      coalesce(v_taken, false), v_taken IS FALSE, p_source, p_call_id, p_idempotency_key, v_hash,
      p_metadata || jsonb_strip_nulls(jsonb_build_object(
        'patient', jsonb_build_object('name', v_name, 'email', v_email, 'phone', v_phone,
                                      'contact_phone', v_contact_phone),
        'overlap_reason', CASE WHEN v_taken THEN p_overlap_reason END)),
      v_now);
    IF v_appointment.id IS NOT NULL THEN
      RETURN appointment_result(v_appointment, false, v_now);
    END IF;
  END LOOP;
  RETURN refusal(CASE WHEN v_any_open THEN 'SLOT_UNAVAILABLE' ELSE 'OUTSIDE_HOURS' END, v_now);
END $$;
COMMENT ON FUNCTION book_appointment_atomic IS
  'The one and only function that books an appointment. Locks for the answer, constraints for the guarantee. Never write a second one.';
REVOKE ALL ON FUNCTION book_appointment_atomic FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book_appointment_atomic TO voxanne_api;

-- Purpose: the one and only way a booking is made.
-- Guarantees: no practitioner and no room is in two live appointments, at every isolation level;
--   a repeated call is the same booking; appointment, lead, event and deliveries commit together;
--   a refusal writes nothing and says nothing about whoever holds the slot.
-- Lock order: that of lock_diary.
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
-- Before PostgreSQL 18 a forbidden scan's made-up cost would have every call compiled.
SET jit = off
AS $$
DECLARE
  v_name text := normalize_name(p_patient_name);
  v_email text := normalize_email(p_patient_email);
  v_phone text := normalize_phone(p_patient_phone);
  v_contact_phone text := normalize_phone(p_contact_phone);
  v_person text := person_key(v_name);
  v_service_type text := lower(btrim(p_service_type));
  v_clinic record;
  v_candidates uuid[];
  v_practitioner uuid;
  v_hash text := p_request_hash;
  v_ends_at timestamptz;
  v_blocked tstzrange;
  v_booked record;
  v_now timestamptz;
  v_open tstzmultirange;
  v_any_open boolean := false;
  v_taken boolean;
  v_overbook boolean;
  v_refused text;
  v_result json;
BEGIN
  -- Who, and is it readable?
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT timezone, horizon_days, notice_minutes,
    EXISTS (SELECT FROM opening_hours WHERE org_id = p_org_id) AS keeps_hours,
    practitioner.ids, practitioner.names, practitioner.any_own,
    service.key AS service_key, service.matches AS service_matches, service.duration_minutes
  INTO v_clinic
  FROM organizations
  CROSS JOIN LATERAL (
    -- Sorted by id, as the locks are.
    SELECT array_agg(id ORDER BY id) FILTER (WHERE active) AS ids,
      array_agg(name ORDER BY id) FILTER (WHERE active) AS names, count(*) > 0 AS any_own
    FROM practitioners WHERE org_id = p_org_id AND NOT implicit
  ) AS practitioner
  LEFT JOIN LATERAL (
    -- The clinic's service, by key or name; a clinic that lists none takes any.
    SELECT key, duration_minutes,
      active AND v_service_type IN (key, lower(name)) AS matches
    FROM services WHERE org_id = p_org_id
    ORDER BY matches DESC, key = v_service_type DESC LIMIT 1
  ) AS service ON true
  WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_refused := CASE
    WHEN v_name IS NULL THEN 'INVALID_NAME'
    WHEN v_phone IS NULL OR (v_contact_phone IS NULL AND p_contact_phone <> '') THEN 'INVALID_PHONE'
    WHEN v_email IS NULL AND p_patient_email ~ '\S' THEN 'INVALID_EMAIL'
    WHEN NOT isfinite(p_scheduled_at) OR p_scheduled_at >= '10000-01-01' THEN 'INVALID_DATE'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN v_service_type IS NULL OR v_service_type = '' OR length(v_service_type) > 100
      THEN 'UNKNOWN_SERVICE'
    WHEN length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source, p_overlap_reason))
      > 1000 OR p_source IS NULL OR jsonb_typeof(p_metadata) IS DISTINCT FROM 'object'
      OR pg_column_size(p_metadata) > 16384 THEN 'INVALID_ARGUMENTS'
    WHEN p_allow_overlap AND (p_source <> 'staff' OR coalesce(btrim(p_overlap_reason), '') = '')
      THEN 'UNAUTHORIZED'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;

  -- What exactly is wanted?
  IF v_clinic.service_matches THEN
    v_service_type := v_clinic.service_key;
  ELSIF v_clinic.service_key IS NOT NULL THEN
    v_refused := 'UNKNOWN_SERVICE';
  END IF;
  v_ends_at := p_scheduled_at
    + make_interval(mins => coalesce(v_clinic.duration_minutes, p_duration_minutes, 60));
  v_blocked := tstzrange(p_scheduled_at, v_ends_at);
  v_candidates := CASE
    -- A clinic with no practitioner of its own is one, under its own id.
    WHEN NOT v_clinic.any_own AND coalesce(p_practitioner_id, p_org_id) = p_org_id
      THEN ARRAY[p_org_id]
    WHEN p_practitioner_id IS NULL THEN coalesce(v_clinic.ids, '{}')
    WHEN p_practitioner_id = ANY (v_clinic.ids) THEN ARRAY[p_practitioner_id]
    ELSE '{}'
  END;
  IF p_idempotency_key IS NOT NULL AND v_hash IS NULL THEN
    v_hash := md5(jsonb_build_array(v_person, v_phone, v_contact_phone, v_email, v_service_type,
      p_scheduled_at, p_duration_minutes, p_practitioner_id, p_room_id)::text);
  END IF;

  -- Nobody queues for a slot that is plainly taken, unless it is the caller's own.
  IF NOT lock_diary(p_org_id, v_phone, p_idempotency_key, v_candidates, p_room_id IS NOT NULL,
                    false) THEN
    v_taken := v_refused IS NULL AND p_scheduled_at > current_moment() AND NOT p_allow_overlap
      AND cardinality(v_candidates) > 0;
    FOREACH v_practitioner IN ARRAY v_candidates LOOP
      EXIT WHEN v_taken IS NOT TRUE;
      v_taken := slot_taken(p_org_id, v_practitioner, p_room_id, v_blocked, NULL);
    END LOOP;
    IF v_taken THEN
      v_booked := find_booked(p_org_id, p_idempotency_key, v_hash, v_phone, v_person,
                              v_service_type, p_scheduled_at);
      IF v_booked.r_appointment_id IS NULL THEN
        RETURN refusal('SLOT_UNAVAILABLE');
      END IF;
    END IF;
    PERFORM lock_diary(p_org_id, v_phone, p_idempotency_key, v_candidates, p_room_id IS NOT NULL,
                       true);
  END IF;
  v_now := current_moment();

  -- Is it theirs already? Before anything else can refuse it.
  v_booked := find_booked(p_org_id, p_idempotency_key, v_hash, v_phone, v_person,
                          v_service_type, p_scheduled_at);
  IF v_booked.r_mismatch THEN
    RETURN refusal('IDEMPOTENCY_MISMATCH');
  ELSIF v_booked.r_appointment_id IS NOT NULL THEN
    RETURN replayed_result(p_org_id, v_booked.r_appointment_id);
  END IF;

  -- May it be, by the clinic's rules?
  v_refused := CASE
    WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
    WHEN v_refused IS NOT NULL THEN v_refused
    WHEN cardinality(v_candidates) = 0 THEN 'UNKNOWN_PRACTITIONER'
    WHEN p_scheduled_at <= v_now THEN 'DATE_IN_PAST'
    WHEN p_scheduled_at > v_now + make_interval(days => v_clinic.horizon_days) THEN 'TOO_FAR_AHEAD'
    WHEN p_scheduled_at < v_now + make_interval(mins => v_clinic.notice_minutes) THEN 'TOO_SOON'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  IF p_room_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM rooms WHERE org_id = p_org_id AND id = p_room_id AND active) THEN
    RETURN refusal('NOT_FOUND');
  END IF;

  -- Who is open and free? The first for whom it can be stored has it.
  IF cardinality(v_candidates) > 1 THEN
    v_candidates := rank_practitioners(p_org_id, v_candidates, v_clinic.timezone, p_scheduled_at);
  END IF;
  -- Staff may overbook, but nobody is while another is free: that is the second round.
  FOREACH v_overbook IN ARRAY CASE WHEN p_allow_overlap THEN '{f,t}' ELSE '{f}' END::boolean[] LOOP
    FOREACH v_practitioner IN ARRAY v_candidates LOOP
      IF v_clinic.keeps_hours THEN
        v_open := open_spans(p_org_id, v_practitioner, v_clinic.timezone,
                             (p_scheduled_at AT TIME ZONE v_clinic.timezone)::date,
                             (v_ends_at AT TIME ZONE v_clinic.timezone)::date);
        CONTINUE WHEN NOT v_open @> tstzrange(p_scheduled_at, v_ends_at);
      END IF;
      v_any_open := true;
      v_taken := slot_taken(p_org_id, v_practitioner, p_room_id, v_blocked, v_now);
      CONTINUE WHEN v_taken AND NOT v_overbook;
      v_result := store_appointment(
        p_org_id, v_practitioner,
        v_clinic.names[array_position(v_clinic.ids, v_practitioner)], p_room_id,
        v_name, v_person, v_phone, p_phone_verified, v_email, v_contact_phone, v_service_type,
        p_scheduled_at, v_ends_at, v_blocked, v_taken IS TRUE, p_overlap_reason, v_taken IS FALSE,
        p_source, p_call_id, p_idempotency_key, v_hash, p_metadata, v_now);
      IF v_result IS NOT NULL THEN
        RETURN v_result;
      END IF;
    END LOOP;
  END LOOP;
  RETURN refusal(CASE WHEN v_any_open THEN 'SLOT_UNAVAILABLE' ELSE 'OUTSIDE_HOURS' END);
END $$;
COMMENT ON FUNCTION book_appointment_atomic IS
  'The one and only function that books an appointment. Locks for the answer, constraints for the guarantee. Never write a second one.';
REVOKE ALL ON FUNCTION book_appointment_atomic FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book_appointment_atomic TO voxanne_api;

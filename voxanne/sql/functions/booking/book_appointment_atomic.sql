-- Purpose: the one and only way a booking is made.
-- Guarantees: no practitioner and no room is in two live appointments, at every isolation level;
--   a repeated call is the same booking; appointment, lead, event and deliveries commit together;
--   a refusal writes nothing and says nothing about whoever holds the slot.
-- Lock order: that of lock_diary.
-- p_source 'import': an existing diary is taken over as it is, past the rules made for callers (hours,
--   notice, horizon, buffers, the service's length, the number of appointments), and with no lock per
--   row, of which the server has room for some thousands. The API never passes it.
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
  p_metadata jsonb DEFAULT '{}',
  p_hold_id uuid DEFAULT NULL,               -- the caller's hold, see hold_slot
  p_birth_date date DEFAULT NULL,            -- kept with a person who is new
  p_alternatives integer DEFAULT 3           -- how many a refused time is answered with, 0 to 10
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
  v_rules clinic_rules;
  v_wanted appointments;
  v_lead leads;
  v_contact_phone text := normalize_phone(p_contact_phone);
  v_candidates uuid[];
  v_practitioner uuid;
  v_rooms boolean;
  v_hold appointments;
  v_booked record;
  v_now timestamptz;
  v_taken boolean;
  v_limited boolean;
  v_room_refused boolean;
  v_import boolean := coalesce(p_source, '') = 'import';
  v_refused text;
  v_result json;
BEGIN
  -- Who, and is it readable?
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_rules := find_rules(p_org_id, p_service_type, p_duration_minutes);
  IF v_rules IS NULL THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_lead.name := normalize_name(p_patient_name);
  v_lead.person := person_key(v_lead.name);
  v_lead.phone := normalize_phone(p_patient_phone);
  v_lead.phone_verified := p_phone_verified;
  v_lead.email := normalize_email(p_patient_email);
  v_lead.birth_date := p_birth_date;
  v_refused := CASE
    WHEN v_lead.name IS NULL THEN 'INVALID_NAME'
    WHEN v_lead.phone IS NULL OR (v_contact_phone IS NULL AND p_contact_phone <> '')
      THEN 'INVALID_PHONE'
    WHEN v_lead.email IS NULL AND p_patient_email ~ '\S' THEN 'INVALID_EMAIL'
    WHEN NOT isfinite(p_scheduled_at) OR p_scheduled_at >= '10000-01-01' THEN 'INVALID_DATE'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN coalesce(length(btrim(p_service_type)), 0) NOT BETWEEN 1 AND 100 THEN 'UNKNOWN_SERVICE'
    WHEN length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source, p_overlap_reason))
      > 1000 OR p_source IS NULL OR jsonb_typeof(p_metadata) IS DISTINCT FROM 'object'
      OR pg_column_size(p_metadata) > 16384 OR p_alternatives NOT BETWEEN 0 AND 10
      OR p_birth_date NOT BETWEEN '1890-01-01' AND '9999-12-31' THEN 'INVALID_ARGUMENTS'
    WHEN p_allow_overlap AND (p_source <> 'staff' OR coalesce(btrim(p_overlap_reason), '') = '')
      THEN 'UNAUTHORIZED'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;

  -- What exactly is wanted?
  IF v_rules.service_type IS NULL THEN
    v_refused := 'UNKNOWN_SERVICE';
  END IF;
  IF v_import THEN
    v_rules.duration := coalesce(make_interval(mins => p_duration_minutes), v_rules.duration);
    v_rules.buffer_before := interval '0';
    v_rules.buffer_after := interval '0';
  END IF;
  v_wanted.org_id := p_org_id;
  v_wanted.status := 'confirmed';
  v_wanted.service_type := coalesce(v_rules.service_type, lower(btrim(p_service_type)));
  v_wanted.scheduled_at := p_scheduled_at;
  v_wanted.ends_at := p_scheduled_at + v_rules.duration;
  v_wanted.blocked_from := p_scheduled_at - v_rules.buffer_before;
  v_wanted.blocked_until := v_wanted.ends_at + v_rules.buffer_after;
  v_room_refused := room_refused(p_org_id, p_room_id, v_rules, p_source);
  IF p_room_id IS NOT NULL THEN
    v_rules.rooms := ARRAY[p_room_id];
  END IF;
  v_wanted.source := p_source;
  v_wanted.call_id := p_call_id;
  v_wanted.idempotency_key := p_idempotency_key;
  v_wanted.request_hash := p_request_hash;
  v_wanted.metadata := p_metadata || jsonb_build_object('patient', jsonb_strip_nulls(
    jsonb_build_object('name', v_lead.name, 'email', v_lead.email, 'phone', v_lead.phone,
                       'contact_phone', v_contact_phone)));
  v_candidates := CASE
    WHEN p_practitioner_id IS NULL THEN v_rules.practitioners
    WHEN p_practitioner_id = ANY (v_rules.practitioners) THEN ARRAY[p_practitioner_id]
    ELSE '{}'
  END;
  v_rooms := v_rules.rooms IS NOT NULL;
  IF p_idempotency_key IS NOT NULL AND p_request_hash IS NULL THEN
    v_wanted.request_hash := md5(jsonb_build_array(v_lead.person, v_lead.phone, v_contact_phone,
      v_lead.email, v_wanted.service_type, p_scheduled_at, p_duration_minutes, p_practitioner_id,
      p_room_id)::text);
  END IF;

  -- Nobody queues for a slot that is plainly taken, unless it is the caller's own.
  IF v_import THEN
    PERFORM lock_diary(p_org_id, NULL, NULL, v_candidates, v_rooms, true);
  ELSIF NOT lock_diary(p_org_id, v_lead.phone, p_idempotency_key, v_candidates, v_rooms, false) THEN
    v_taken := v_refused IS NULL AND p_scheduled_at > current_moment() AND NOT p_allow_overlap
      AND p_hold_id IS NULL AND cardinality(v_candidates) > 0;
    FOREACH v_practitioner IN ARRAY v_candidates LOOP
      EXIT WHEN v_taken IS NOT TRUE;
      v_taken := slot_taken(p_org_id, v_practitioner, p_room_id,
        tstzrange(v_wanted.blocked_from, v_wanted.blocked_until), NULL, NULL, NULL, NULL, NULL);
    END LOOP;
    IF v_taken THEN
      v_booked := find_booked(p_org_id, p_idempotency_key, v_wanted.request_hash, v_lead.phone,
                              v_lead.person, v_wanted.service_type, p_scheduled_at, NULL);
      IF v_booked.r_appointment_id IS NULL THEN
        RETURN refuse_with_alternatives(
          'SLOT_UNAVAILABLE', p_org_id, v_rules, v_candidates, p_practitioner_id, p_scheduled_at,
          current_moment(), p_call_id, v_lead.phone, NULL, p_alternatives);
      END IF;
    END IF;
    PERFORM lock_diary(p_org_id, v_lead.phone, p_idempotency_key, v_candidates, v_rooms, true);
  END IF;
  v_now := current_moment();

  -- Is it theirs already? Before anything else can refuse it.
  v_booked := find_booked(p_org_id, p_idempotency_key, v_wanted.request_hash, v_lead.phone,
                          v_lead.person, v_wanted.service_type, p_scheduled_at, v_now);
  IF v_booked.r_mismatch THEN
    RETURN refusal('IDEMPOTENCY_MISMATCH');
  ELSIF v_booked.r_appointment_id IS NOT NULL THEN
    -- From now on the key is this appointment's.
    IF v_booked.r_by_key IS NULL AND length(p_idempotency_key) BETWEEN 1 AND 300 THEN
      PERFORM remember_request(p_org_id, p_idempotency_key, v_wanted.request_hash,
        json_build_object('appointment_id', v_booked.r_appointment_id), v_now);
    END IF;
    RETURN replayed_result(p_org_id, v_booked.r_appointment_id);
  END IF;

  -- May it be, by the clinic's rules?
  v_refused := CASE
    WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
    WHEN v_refused IS NOT NULL THEN v_refused
    WHEN cardinality(v_candidates) = 0 THEN 'UNKNOWN_PRACTITIONER'
    WHEN NOT v_import OR p_scheduled_at <= v_now THEN time_refusal(v_rules, p_scheduled_at, v_now)
  END;
  v_limited := p_source NOT IN ('staff', 'import') AND v_booked.r_upcoming >= v_rules.upcoming_max;
  IF v_refused IS NULL AND v_limited THEN
    v_refused := 'LIMIT_REACHED';
  END IF;
  IF coalesce(v_refused, 'TOO_SOON') = 'TOO_SOON' AND coalesce(p_hold_id::text, p_call_id) IS NOT NULL THEN
    v_hold := find_hold(p_org_id, p_hold_id, p_call_id, p_scheduled_at, v_now);
    IF p_hold_id IS NOT NULL THEN
      v_refused := coalesce(hold_refusal(v_hold, p_call_id, v_lead.phone, p_source, v_now), v_refused);
    END IF;
  END IF;
  -- What is held, or offered, can be booked as long as it is; with whom and where it is held.
  IF (v_hold.scheduled_at, v_hold.service_type) IS DISTINCT FROM (p_scheduled_at, v_wanted.service_type) THEN
    v_hold := NULL;
  END IF;
  v_practitioner := coalesce(v_booked.r_offered_by, v_hold.practitioner_id);
  IF v_refused = 'TOO_SOON' AND v_practitioner = ANY (v_candidates) THEN
    v_refused := CASE WHEN v_limited THEN 'LIMIT_REACHED' END;
  END IF;
  IF v_refused IS NULL AND v_room_refused THEN
    v_refused := 'NOT_FOUND';
  END IF;
  IF v_refused IS NOT NULL THEN
    RETURN refuse_with_alternatives(
      v_refused, p_org_id, v_rules, v_candidates, p_practitioner_id, p_scheduled_at, v_now,
      p_call_id, v_lead.phone, NULL, p_alternatives);
  END IF;
  IF v_practitioner = ANY (v_candidates) THEN
    v_candidates := ARRAY[v_practitioner];
    IF p_room_id IS NULL AND v_hold.room_id IS NOT NULL THEN
      v_rules.rooms := v_hold.room_id || array_remove(v_rules.rooms, v_hold.room_id);
    END IF;
  END IF;

  v_result := place_appointment(v_rules, v_wanted, v_lead, v_candidates, v_import, p_allow_overlap,
                                p_overlap_reason, p_hold_id, v_now);
  IF v_result ->> 'error' IS NULL THEN
    RETURN v_result;
  END IF;
  RETURN refuse_with_alternatives(
    v_result ->> 'error', p_org_id, v_rules, v_candidates, p_practitioner_id, p_scheduled_at, v_now,
    p_call_id, v_lead.phone, NULL, p_alternatives);
END $$;
COMMENT ON FUNCTION book_appointment_atomic IS
  'The one and only function that books an appointment. Locks for the answer, constraints for the guarantee. Never write a second one.';
REVOKE ALL ON FUNCTION book_appointment_atomic FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book_appointment_atomic TO voxanne_api;

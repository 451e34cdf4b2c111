-- Purpose: when could an appointment begin? For one or any practitioner, any service, up to 90 days.
-- Guarantees: what it offers, book_appointment_atomic accepts at that moment, and the other way round
--   for every start on the clinic's grid.
-- p_spread: at most p_limit starts, spread evenly over all there are, each with the practitioner that
--   would be chosen. Otherwise ascending: each start with every free practitioner, p_limit starts at
--   a time, going on from "next_from".
-- Outcomes: {"success", "slots", "next_from", "reason" when there are none, …}; or a refusal.
CREATE FUNCTION check_availability(
  p_org_id uuid,
  p_service_type text,
  p_from timestamptz,
  p_until timestamptz,                       -- excluded
  p_practitioner_id uuid DEFAULT NULL,
  p_duration_minutes integer DEFAULT NULL,   -- a configured service's own duration wins
  p_time_from time DEFAULT '00:00',          -- the part of the day it begins in, wall time
  p_time_until time DEFAULT '24:00',
  p_call_id text DEFAULT NULL,               -- its own holds don't stand in its way
  p_limit integer DEFAULT 6,
  p_spread boolean DEFAULT true,
  p_except uuid DEFAULT NULL                 -- one that would move: for it, as if it were gone
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_range_max constant interval := '91 days';   -- 90, and the hour of a clock change
  c_limit_max constant integer := 500;
  v_rules clinic_rules;
  v_now timestamptz := current_moment();
  v_candidates uuid[];
  v_window tstzmultirange;
  v_free free_time[];
  v_starts timestamptz[];
  v_next timestamptz;
  v_reason text;
  v_detail text;
  v_slots json;
  v_refused text;
  v_moving appointments;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_rules := find_rules(p_org_id, p_service_type, p_duration_minutes);
  v_refused := CASE
    WHEN v_rules IS NULL THEN 'INVALID_ORGANIZATION'
    WHEN NOT isfinite(p_from) OR NOT isfinite(p_until) OR p_from < '1900-01-01'
      OR p_until >= '10000-01-01' OR (p_from < p_until) IS NOT TRUE
      OR (p_time_from < p_time_until) IS NOT TRUE THEN 'INVALID_DATE'
    WHEN p_until > p_from + c_range_max OR p_limit NOT BETWEEN 1 AND c_limit_max
      OR p_limit IS NULL OR p_spread IS NULL OR length(p_call_id) > 1000 THEN 'INVALID_ARGUMENTS'
    WHEN p_duration_minutes NOT BETWEEN 1 AND 1440 THEN 'INVALID_DURATION'
    WHEN v_rules.service_type IS NULL OR length(v_rules.service_type) > 100 THEN 'UNKNOWN_SERVICE'
    WHEN cardinality(v_rules.practitioners) = 0
      OR p_practitioner_id <> ALL (v_rules.practitioners) THEN 'UNKNOWN_PRACTITIONER'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  v_candidates := CASE WHEN p_practitioner_id IS NULL THEN v_rules.practitioners
                       ELSE ARRAY[p_practitioner_id] END;
  IF p_except IS NOT NULL THEN
    SELECT * INTO v_moving FROM appointments WHERE org_id = p_org_id AND id = p_except;
  END IF;
  -- As reschedule_appointment has it: it keeps its length, its buffers and its room.
  IF v_moving.id IS NOT NULL THEN
    v_rules.duration := v_moving.ends_at - v_moving.scheduled_at;
    v_rules.buffer_before := v_moving.scheduled_at - lower(v_moving.blocked);
    v_rules.buffer_after := upper(v_moving.blocked) - v_moving.ends_at;
    v_rules.rooms := coalesce(v_rules.rooms, CASE WHEN v_moving.room_id IS NOT NULL THEN ARRAY[v_moving.room_id] END);
  END IF;
  v_window := day_parts(p_from, p_until, v_rules.timezone, p_time_from, p_time_until);
  v_free := ARRAY(SELECT free FROM free_starts(
    p_org_id, v_rules, v_candidates, v_window, v_now, p_call_id, NULL, p_except) AS free);
  v_starts := ARRAY(
    SELECT start
    FROM grid_starts((SELECT coalesce(range_agg(span), '{}')
                      FROM unnest(v_free) AS free CROSS JOIN unnest(starts) AS span),
                     v_rules.timezone, v_rules.slot) AS start
    WHERE is_in_part(start, v_rules.timezone, p_time_from, p_time_until)
    ORDER BY start);
  IF cardinality(v_starts) = 0 THEN
    SELECT r_reason, r_detail INTO v_reason, v_detail
    FROM why_not(p_org_id, v_rules, v_candidates, v_window, v_now);
  ELSIF cardinality(v_starts) > p_limit AND p_spread THEN
    v_starts := ARRAY(SELECT v_starts[1 + n * cardinality(v_starts) / p_limit]
                      FROM generate_series(0, p_limit - 1) AS n);
  ELSIF cardinality(v_starts) > p_limit THEN
    v_next := v_starts[p_limit + 1];
    v_starts := v_starts[:p_limit];
  END IF;
  SELECT json_agg(json_build_object(
      'starts_at', start, 'ends_at', start + v_rules.duration, 'practitioner_id', practitioner,
      'practitioner_name', v_rules.names[array_position(v_rules.practitioners, practitioner)])
    ORDER BY start, place)
  INTO v_slots
  FROM unnest(v_starts) AS start
  CROSS JOIN LATERAL (
    SELECT array_agg(practitioner_id ORDER BY practitioner_id) AS able
    FROM unnest(v_free) WHERE starts @> start
  ) AS free
  CROSS JOIN LATERAL (
    SELECT practitioner, place
    FROM unnest(CASE WHEN cardinality(able) > 1 AND p_spread
                     THEN rank_practitioners(p_org_id, able, v_rules.timezone, start, v_now)
                     ELSE able END) WITH ORDINALITY AS ranked (practitioner, place)
    WHERE place = 1 OR NOT p_spread
  ) AS chosen;
  RETURN json_build_object(
    'success', true, 'service_type', v_rules.service_type,
    'duration_minutes', extract(epoch FROM v_rules.duration)::integer / 60,
    'timezone', v_rules.timezone, 'slots', coalesce(v_slots, '[]'), 'next_from', v_next,
    'reason', v_reason, 'reason_detail', v_detail);
END $$;
REVOKE ALL ON FUNCTION check_availability FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_availability TO voxanne_api;

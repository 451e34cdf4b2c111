-- Purpose: how a clinic's telephone, calendars and messages did in its last p_days local days, today
--   included, beside the same time before, in one trip.
-- Cost: reads what happened in twice that time by indexes that are there anyway (calls_in_time,
--   appointments_in_time, alerts_in_time, texts_in_time). An appointment made in the period begins in it
--   or later, so the diary is read from its beginning; imports, which may be older, aren't counted.
-- Outcomes: {"success", "days", "from", "calls", "bookings", "deliveries", "access"}; INVALID_ORGANIZATION,
--   INVALID_ARGUMENTS. Numbers without a case are 0, shares and times of nothing null.
CREATE FUNCTION clinic_metrics(p_org_id uuid, p_days integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_days_max constant integer := 90;
  v_now timestamptz := current_moment();
  v_timezone text;
  v_today date;
  v_from timestamptz;
  v_before timestamptz;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_days IS NULL OR p_days NOT BETWEEN 1 AND c_days_max THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT timezone INTO v_timezone FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_today := (v_now AT TIME ZONE v_timezone)::date;
  v_from := (v_today - p_days + 1)::timestamp AT TIME ZONE v_timezone;
  v_before := (v_today - 2 * p_days + 1)::timestamp AT TIME ZONE v_timezone;
  RETURN json_build_object(
    'success', true, 'days', p_days, 'from', v_today - p_days + 1,
    'calls', call_metrics(p_org_id, v_timezone, v_before, v_from, v_now),
    'bookings', booking_metrics(p_org_id, v_timezone, v_before, v_from, v_now),
    'deliveries', delivery_metrics(p_org_id, v_from, v_now),
    'access', json_build_object(
      'broken', (SELECT count(*) FROM calendar_connections WHERE org_id = p_org_id AND status = 'broken'),
      'alerts', (SELECT count(*) FROM alerts
                 WHERE org_id = p_org_id AND kind = 'calendar_broken' AND created_at >= v_from)));
END $$;
REVOKE ALL ON FUNCTION clinic_metrics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clinic_metrics TO voxanne_api;

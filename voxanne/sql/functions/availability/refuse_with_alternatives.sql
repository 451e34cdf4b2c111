-- Purpose: the refusal of a time, with what could be had instead and, outside hours, why.
CREATE FUNCTION refuse_with_alternatives(
  p_code text, p_org_id uuid, p_rules clinic_rules, p_practitioners uuid[], p_practitioner_id uuid,
  p_scheduled_at timestamptz, p_moment timestamptz, p_call_id text, p_phone text, p_except uuid,
  p_limit integer
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_details jsonb := '{}';
BEGIN
  IF p_code NOT IN ('SLOT_UNAVAILABLE', 'OUTSIDE_HOURS', 'TOO_SOON', 'HOLD_EXPIRED',
                    'CALENDAR_STALE') THEN
    RETURN refusal(p_code);
  END IF;
  IF p_code = 'OUTSIDE_HOURS' THEN
    v_details := jsonb_build_object('reason', (
      why_not(p_org_id, p_rules, p_practitioners,
              tstzmultirange(tstzrange(p_scheduled_at, p_scheduled_at, '[]')), p_moment)).r_reason);
  END IF;
  RETURN refusal(p_code, v_details || jsonb_build_object('alternatives', find_alternatives(
    p_org_id, p_rules, p_practitioner_id, p_scheduled_at, p_moment, p_call_id, p_phone, p_except,
    p_limit)));
END $$;
REVOKE ALL ON FUNCTION refuse_with_alternatives FROM PUBLIC;

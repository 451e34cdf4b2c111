-- Purpose: where a call may be put through to now, and whether anybody is there.
-- Outcomes: {"success", "open", "transfer_number", "opens_at": when it next opens, if closed}; or
--   INVALID_ORGANIZATION.
CREATE FUNCTION transfer_destination(p_org_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_days_looked_ahead constant integer := 14;
  v_now timestamptz := current_moment();
  v_timezone text;
  v_number text;
  v_keeps_hours boolean;
  v_own_hours boolean;                  -- the clinic's, beside its practitioners'
  v_open tstzmultirange;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT timezone, transfer_number,
    EXISTS (SELECT FROM opening_hours WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM date_exceptions WHERE org_id = p_org_id),
    NOT EXISTS (SELECT FROM opening_hours WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM opening_hours WHERE org_id = p_org_id AND practitioner_id IS NULL)
  INTO v_timezone, v_number, v_keeps_hours, v_own_hours FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  IF v_keeps_hours THEN
    -- Somebody is at the desk while anybody receives.
    SELECT coalesce(range_agg(span), '{}') INTO v_open
    FROM open_spans(
      p_org_id,
      CASE WHEN v_own_hours THEN ARRAY[p_org_id] ELSE '{}' END
        || ARRAY(SELECT id FROM practitioners WHERE org_id = p_org_id AND active AND NOT implicit),
      v_timezone, (v_now AT TIME ZONE v_timezone)::date,
      (v_now AT TIME ZONE v_timezone)::date + c_days_looked_ahead) AS opened
    CROSS JOIN LATERAL unnest(r_hours - r_absences) AS span;
  END IF;
  RETURN json_build_object(
    'success', true, 'open', v_open IS NULL OR v_open @> v_now, 'transfer_number', v_number,
    'opens_at', CASE WHEN NOT v_open @> v_now THEN (
      SELECT min(lower(span)) FROM unnest(v_open) AS span WHERE lower(span) > v_now) END);
END $$;
REVOKE ALL ON FUNCTION transfer_destination FROM PUBLIC;
GRANT EXECUTE ON FUNCTION transfer_destination TO voxanne_api;

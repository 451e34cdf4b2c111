-- Purpose: the call is alive, so its holds are: each lasts organizations.hold_seconds from now, but
-- none longer than an hour in all.
-- Outcomes: how many were extended.
CREATE FUNCTION extend_holds(p_org_id uuid, p_call_id text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_hold_max constant interval := '1 hour';
  v_now timestamptz := current_moment();
  v_extended integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  UPDATE appointments
  SET hold_expires_at = least(v_now + make_interval(secs => hold_seconds), appointments.created_at + c_hold_max)
  FROM organizations
  WHERE organizations.id = p_org_id AND org_id = p_org_id AND call_id = p_call_id
    AND status = 'held' AND contact_id IS NULL AND hold_expires_at > v_now
    AND hold_expires_at < least(v_now + make_interval(secs => hold_seconds), appointments.created_at + c_hold_max);
  GET DIAGNOSTICS v_extended = ROW_COUNT;
  RETURN v_extended;
END $$;
REVOKE ALL ON FUNCTION extend_holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION extend_holds TO voxanne_api;

-- Purpose: ends one session of somebody, or all but one.
-- Outcomes: how many; 0 for a session of somebody else.
CREATE FUNCTION end_sessions(p_staff_id uuid, p_session_id uuid DEFAULT NULL, p_except uuid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_ended integer;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN 0;   -- a tenant's session has no business with accounts
  END IF;
  DELETE FROM sessions
  WHERE staff_id = p_staff_id
    AND (p_session_id IS NULL OR id = p_session_id)
    AND id IS DISTINCT FROM p_except;
  GET DIAGNOSTICS v_ended = ROW_COUNT;
  RETURN v_ended;
END $$;
REVOKE ALL ON FUNCTION end_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_sessions TO voxanne_api;

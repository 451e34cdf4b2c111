-- Purpose: where somebody is signed in.
-- Outcomes: [{"session_id", "device", "created_at", "last_seen_at"}], the latest first.
CREATE FUNCTION list_sessions(p_staff_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with accounts
  END IF;
  RETURN (
    SELECT coalesce(json_agg(json_build_object(
      'session_id', id, 'device', device, 'created_at', created_at, 'last_seen_at', last_seen_at)
      ORDER BY last_seen_at DESC, id), '[]')
    FROM sessions
    WHERE staff_id = p_staff_id AND expires_at > v_now AND last_seen_at > v_now - session_idle_max());
END $$;
REVOKE ALL ON FUNCTION list_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_sessions TO voxanne_api;

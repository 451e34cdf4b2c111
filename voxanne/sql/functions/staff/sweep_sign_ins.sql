-- Purpose: what nobody can use any more goes: sessions, links, counted attempts.
-- Outcomes: how many rows.
CREATE FUNCTION sweep_sign_ins() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_rows_max constant integer := 1000;
  v_now timestamptz := current_moment();
  v_rows integer;
  v_swept integer := 0;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN 0;   -- a tenant's session has no business with accounts
  END IF;
  DELETE FROM sessions WHERE token_hash IN (
    SELECT token_hash FROM sessions
    WHERE expires_at <= v_now OR last_seen_at <= v_now - session_idle_max() LIMIT c_rows_max);
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  v_swept := v_swept + v_rows;
  DELETE FROM sign_in_links WHERE token_hash IN (
    SELECT token_hash FROM sign_in_links WHERE expires_at <= v_now LIMIT c_rows_max);
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  v_swept := v_swept + v_rows;
  DELETE FROM sign_in_attempts WHERE (subject_hash, window_at) IN (
    SELECT subject_hash, window_at FROM sign_in_attempts
    WHERE window_at <= v_now - interval '15 minutes' LIMIT c_rows_max);
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  RETURN v_swept + v_rows;
END $$;
REVOKE ALL ON FUNCTION sweep_sign_ins FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_sign_ins TO voxanne_api;

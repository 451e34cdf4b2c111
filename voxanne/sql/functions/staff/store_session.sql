-- Purpose: a new session of somebody who has just proved who they are. For the functions that see to that.
-- Guarantees: ends after 14 days; the session it replaces ends at once; nobody has more than c_sessions_max.
CREATE FUNCTION store_session(p_staff_id uuid, p_token_hash bytea, p_device text, p_replaced_hash bytea) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_lasts constant interval := '14 days';
  c_sessions_max constant integer := 50;
  v_now timestamptz := current_moment();
BEGIN
  DELETE FROM sessions WHERE token_hash = p_replaced_hash;
  DELETE FROM sessions WHERE token_hash IN (
    SELECT token_hash FROM sessions WHERE staff_id = p_staff_id
    ORDER BY last_seen_at DESC OFFSET c_sessions_max - 1);
  INSERT INTO sessions (token_hash, staff_id, device, created_at, last_seen_at, expires_at)
  VALUES (p_token_hash, p_staff_id, left(p_device, 200), v_now, v_now, v_now + c_lasts);
END $$;
REVOKE ALL ON FUNCTION store_session FROM PUBLIC;

-- Purpose: a new password, which nothing that was opened with the old one outlives: every link of the
--   account goes, and every session but p_session_id. For the functions that lock the account.
CREATE FUNCTION store_password(p_staff_id uuid, p_session_id uuid, p_password_hash text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE staff_accounts SET password_hash = p_password_hash, updated_at = current_moment()
  WHERE id = p_staff_id;
  DELETE FROM sign_in_links WHERE staff_id = p_staff_id;
  DELETE FROM sessions WHERE staff_id = p_staff_id AND id IS DISTINCT FROM p_session_id;
END $$;
REVOKE ALL ON FUNCTION store_password FROM PUBLIC;

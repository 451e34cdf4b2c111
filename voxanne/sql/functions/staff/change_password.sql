-- Purpose: one's own new password. p_old_hash: the one that was checked; NULL: there was none.
-- Guarantees: what was opened with the old one ends, but for p_session_id.
-- Lock order: the account, its links, its sessions.
-- Outcomes: true; false: it was changed in the meantime.
CREATE FUNCTION change_password(p_staff_id uuid, p_session_id uuid, p_old_hash text, p_new_hash text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN false;   -- a tenant's session has no business with accounts
  END IF;
  PERFORM FROM staff_accounts
  WHERE id = p_staff_id AND password_hash IS NOT DISTINCT FROM p_old_hash
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM store_password(p_staff_id, p_session_id, p_new_hash);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION change_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_password TO voxanne_api;

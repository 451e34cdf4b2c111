-- Purpose: signs somebody in whose password was right, and forgets the attempts for their e-mail address.
-- Guarantees: nobody whose password was changed since it was checked; the session that the browser had
--   before ends.
-- Lock order: the account, its sessions.
-- Outcomes: true; false: the password isn't that any more.
CREATE FUNCTION open_session(p_staff_id uuid, p_password_hash text, p_email_hash bytea, p_token_hash bytea, p_device text,
  p_replaced_hash bytea DEFAULT NULL
) RETURNS boolean
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
  WHERE id = p_staff_id AND password_hash = p_password_hash
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM sign_in_attempts WHERE subject_hash = p_email_hash;
  PERFORM store_session(p_staff_id, p_token_hash, p_device, p_replaced_hash);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION open_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_session TO voxanne_api;

-- Purpose: uses a one-time link up and signs in whom it is for, with a password they chose if they did.
-- Guarantees: of two at once one gets a session. With a new password every other session and link of
--   theirs ends.
-- Lock order: the account, its links, its sessions.
-- Outcomes: true; false: no such link, or not any more.
CREATE FUNCTION take_sign_in_link(p_link_hash bytea, p_token_hash bytea, p_device text, p_password_hash text DEFAULT NULL,
  p_replaced_hash bytea DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_staff_id uuid;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN false;   -- a tenant's session has no business with accounts
  END IF;
  SELECT staff_id INTO v_staff_id FROM sign_in_links WHERE token_hash = p_link_hash;
  PERFORM FROM staff_accounts WHERE id = v_staff_id FOR UPDATE;
  DELETE FROM sign_in_links WHERE token_hash = p_link_hash AND expires_at > current_moment();
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_password_hash IS NOT NULL THEN
    PERFORM store_password(v_staff_id, NULL, p_password_hash);
  END IF;
  PERFORM store_session(v_staff_id, p_token_hash, p_device, p_replaced_hash);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION take_sign_in_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_sign_in_link TO voxanne_api;

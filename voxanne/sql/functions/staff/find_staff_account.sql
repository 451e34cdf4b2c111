-- Purpose: the account of an e-mail address, for checking a password against.
-- Outcomes: NULL: none; else {"staff_id", "password_hash"}, the latter null where there is no password.
CREATE FUNCTION find_staff_account(p_email text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN NULL;   -- a tenant's session has no business with accounts
  END IF;
  RETURN (
    SELECT json_build_object('staff_id', id, 'password_hash', password_hash)
    FROM staff_accounts WHERE email = p_email);
END $$;
REVOKE ALL ON FUNCTION find_staff_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_staff_account TO voxanne_api;

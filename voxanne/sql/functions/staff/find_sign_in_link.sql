-- Purpose: whom a one-time link signs in. Uses nothing up: mail filters follow links.
-- Outcomes: NULL: no such link, or not any more; else {"email", "has_password"}.
CREATE FUNCTION find_sign_in_link(p_link_hash bytea) RETURNS json
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
    SELECT json_build_object('email', email, 'has_password', password_hash IS NOT NULL)
    FROM sign_in_links JOIN staff_accounts ON staff_accounts.id = staff_id
    WHERE token_hash = p_link_hash AND expires_at > current_moment());
END $$;
REVOKE ALL ON FUNCTION find_sign_in_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_sign_in_link TO voxanne_api;

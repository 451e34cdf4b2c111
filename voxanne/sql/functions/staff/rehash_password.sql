-- Purpose: the same password, hashed with today's parameters.
-- Outcomes: true; false: it was changed in the meantime.
CREATE FUNCTION rehash_password(p_staff_id uuid, p_old_hash text, p_new_hash text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN false;   -- a tenant's session has no business with accounts
  END IF;
  UPDATE staff_accounts SET password_hash = p_new_hash
  WHERE id = p_staff_id AND password_hash = p_old_hash;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION rehash_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rehash_password TO voxanne_api;

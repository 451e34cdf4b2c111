-- Purpose: what somebody is called, by themselves.
-- Outcomes: true; false: too long, or no such account.
CREATE FUNCTION save_staff_name(p_staff_id uuid, p_name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN false;   -- a tenant's session has no business with accounts
  END IF;
  UPDATE staff_accounts SET name = p_name, updated_at = current_moment()
  WHERE id = p_staff_id AND length(p_name) <= 120;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION save_staff_name FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_staff_name TO voxanne_api;

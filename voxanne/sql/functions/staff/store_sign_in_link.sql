-- Purpose: a new one-time link, instead of those before it. It lasts 24 hours. For the functions that
--   lock the account.
CREATE FUNCTION store_sign_in_link(p_staff_id uuid, p_link_hash bytea) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_lasts constant interval := '24 hours';
  v_now timestamptz := current_moment();
BEGIN
  DELETE FROM sign_in_links WHERE staff_id = p_staff_id;
  INSERT INTO sign_in_links (token_hash, staff_id, created_at, expires_at)
  VALUES (p_link_hash, p_staff_id, v_now, v_now + c_lasts);
END $$;
REVOKE ALL ON FUNCTION store_sign_in_link FROM PUBLIC;

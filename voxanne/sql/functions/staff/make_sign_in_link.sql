-- Purpose: a one-time link into any account, for the deployment's operator alone.
-- Lock order: the account, its links.
-- Outcomes: true; false: no such account.
CREATE FUNCTION make_sign_in_link(p_email text, p_link_hash bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_staff_id uuid;
BEGIN
  SELECT id INTO v_staff_id FROM staff_accounts WHERE email = p_email FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM store_sign_in_link(v_staff_id, p_link_hash);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION make_sign_in_link FROM PUBLIC;

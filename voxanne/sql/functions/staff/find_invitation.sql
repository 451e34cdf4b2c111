-- Purpose: the clinic that asks somebody who is signed in to join. Changes nothing.
-- Outcomes: NULL: none with that secret for them; else {"org_id", "clinic", "role", "has_password"}.
CREATE FUNCTION find_invitation(p_staff_id uuid, p_token_hash bytea) RETURNS json
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
    SELECT json_build_object('org_id', org_id, 'clinic', organizations.name, 'role', role,
      'has_password', password_hash IS NOT NULL)
    FROM memberships
    JOIN organizations ON organizations.id = org_id
    JOIN staff_accounts ON staff_accounts.id = staff_id
    WHERE staff_id = p_staff_id AND invitation_hash = p_token_hash);
END $$;
REVOKE ALL ON FUNCTION find_invitation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_invitation TO voxanne_api;

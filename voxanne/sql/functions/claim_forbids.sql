-- Purpose: true when the session carries a tenant claim that isn't this organization's.
-- Guarantees: an unreadable claim forbids; no claim at all doesn't (the API vouches by p_org_id).
CREATE FUNCTION claim_forbids(p_org_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
BEGIN
  IF v_claims IS NULL THEN
    RETURN false;
  END IF;
  RETURN (v_claims::json ->> 'org_id')::uuid IS DISTINCT FROM p_org_id;
EXCEPTION
  WHEN invalid_text_representation OR invalid_parameter_value OR untranslatable_character THEN
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION claim_forbids FROM PUBLIC;

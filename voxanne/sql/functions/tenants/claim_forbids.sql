-- Purpose: true when the session carries a tenant claim that isn't this organization's.
-- Guarantees: an unreadable claim forbids; no claim at all doesn't (the API vouches by p_org_id).
CREATE FUNCTION claim_forbids(p_org_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') = '' THEN
    RETURN false;
  END IF;
  BEGIN
    RETURN (current_setting('request.jwt.claims')::json ->> 'org_id')::uuid
      IS DISTINCT FROM p_org_id;
  EXCEPTION
    WHEN data_exception THEN
      RETURN true;
  END;
END $$;
REVOKE ALL ON FUNCTION claim_forbids FROM PUBLIC;

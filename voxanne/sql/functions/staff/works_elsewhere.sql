-- Purpose: whether somebody is a member of another clinic too.
CREATE FUNCTION works_elsewhere(p_org_id uuid, p_staff_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM memberships
    WHERE staff_id = p_staff_id AND org_id <> p_org_id AND invitation_hash IS NULL);
END $$;
REVOKE ALL ON FUNCTION works_elsewhere FROM PUBLIC;

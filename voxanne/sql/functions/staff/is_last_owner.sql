-- Purpose: whether a clinic would have no owner without this one.
-- Lock order: the clinic's owners by id, which whoever takes one away has locked first.
CREATE FUNCTION is_last_owner(p_org_id uuid, p_staff_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM FROM memberships
  WHERE org_id = p_org_id AND role = 'owner' AND invitation_hash IS NULL
  ORDER BY staff_id FOR UPDATE;
  RETURN EXISTS (
    SELECT FROM memberships
    WHERE org_id = p_org_id AND staff_id = p_staff_id AND role = 'owner' AND invitation_hash IS NULL)
  AND NOT EXISTS (
    SELECT FROM memberships
    WHERE org_id = p_org_id AND staff_id <> p_staff_id AND role = 'owner' AND invitation_hash IS NULL);
END $$;
REVOKE ALL ON FUNCTION is_last_owner FROM PUBLIC;

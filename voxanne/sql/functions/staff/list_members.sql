-- Purpose: a clinic's staff. Of who is only invited nothing but what the clinic said itself; of a shared
--   account nothing of the other clinic.
-- Outcomes: {"items": [{"member_id", "email", "name", "role", "invited", "shared", "last_seen_at"}]}.
CREATE FUNCTION list_members(p_org_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(json_agg(json_build_object(
      'member_id', staff_accounts.id, 'email', email,
      'name', CASE WHEN invitation_hash IS NULL THEN name ELSE '' END,
      'role', role, 'invited', invitation_hash IS NOT NULL,
      'shared', works_elsewhere(p_org_id, staff_accounts.id), 'last_seen_at', last_seen_at)
      ORDER BY email), '[]')
    FROM memberships JOIN staff_accounts ON staff_accounts.id = staff_id
    WHERE org_id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION list_members FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_members TO voxanne_api;

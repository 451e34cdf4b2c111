-- Purpose: what a member may do from now on.
-- Guarantees: a clinic keeps an owner, whoever else changes roles at the same time.
-- Lock order: the clinic's owners by id, the member.
-- Outcomes: {"member_id", "role"}; NOT_FOUND; LIMIT_REACHED: the last owner; INVALID_ARGUMENTS.
CREATE FUNCTION change_member_role(p_org_id uuid, p_member_id uuid, p_role text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF p_role IS NULL OR p_role NOT IN ('owner', 'staff', 'read_only') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  IF p_role <> 'owner' AND is_last_owner(p_org_id, p_member_id) THEN
    RETURN refusal('LIMIT_REACHED', '{"reason": "last_owner"}');
  END IF;
  UPDATE memberships SET role = p_role WHERE org_id = p_org_id AND staff_id = p_member_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'member_id', p_member_id, 'role', p_role);
END $$;
REVOKE ALL ON FUNCTION change_member_role FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_member_role TO voxanne_api;

-- Purpose: somebody leaves a clinic's staff, from their next request on.
-- Guarantees: a clinic keeps an owner. An account that belongs to no clinic any more is deleted.
-- Lock order: the account, the clinic's owners by id, the member.
-- Outcomes: {"member_id"}; NOT_FOUND; LIMIT_REACHED: the last owner.
CREATE FUNCTION remove_member(p_org_id uuid, p_member_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  PERFORM FROM staff_accounts WHERE id = p_member_id FOR UPDATE;
  IF is_last_owner(p_org_id, p_member_id) THEN
    RETURN refusal('LIMIT_REACHED', '{"reason": "last_owner"}');
  END IF;
  DELETE FROM memberships WHERE org_id = p_org_id AND staff_id = p_member_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  IF NOT EXISTS (SELECT FROM memberships WHERE staff_id = p_member_id) THEN
    DELETE FROM sign_in_links WHERE staff_id = p_member_id;
    DELETE FROM sessions WHERE staff_id = p_member_id;
    DELETE FROM staff_accounts WHERE id = p_member_id;
  END IF;
  RETURN json_build_object('success', true, 'member_id', p_member_id);
END $$;
REVOKE ALL ON FUNCTION remove_member FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_member TO voxanne_api;

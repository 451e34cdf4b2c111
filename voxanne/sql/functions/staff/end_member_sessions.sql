-- Purpose: signs a member out everywhere, as when a telephone is lost; their links go too.
-- Guarantees: not those of an account that works at another clinic too: that isn't this clinic's to do.
-- Outcomes: {"member_id", "ended"}; NOT_FOUND; NOT_YOURS.
CREATE FUNCTION end_member_sessions(p_org_id uuid, p_member_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_ended integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  PERFORM FROM staff_accounts WHERE id = p_member_id FOR UPDATE;
  IF NOT EXISTS (
    SELECT FROM memberships
    WHERE org_id = p_org_id AND staff_id = p_member_id AND invitation_hash IS NULL)
  THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  IF works_elsewhere(p_org_id, p_member_id) THEN
    RETURN refusal('NOT_YOURS');
  END IF;
  DELETE FROM sign_in_links WHERE staff_id = p_member_id;
  DELETE FROM sessions WHERE staff_id = p_member_id;
  GET DIAGNOSTICS v_ended = ROW_COUNT;
  RETURN json_build_object('success', true, 'member_id', p_member_id, 'ended', v_ended);
END $$;
REVOKE ALL ON FUNCTION end_member_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_member_sessions TO voxanne_api;

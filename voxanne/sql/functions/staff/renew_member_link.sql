-- Purpose: a new secret for a member who lost theirs, instead of the one before.
-- Guarantees: none that signs in with an account that works at another clinic too.
-- Lock order: the account, its memberships, its links.
-- Outcomes: {"member_id", "link": "sign_in" or "invitation"}; NOT_FOUND; NOT_YOURS: theirs is another
--   clinic's account too.
CREATE FUNCTION renew_member_link(p_org_id uuid, p_member_id uuid, p_token_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_invited boolean;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  PERFORM FROM staff_accounts WHERE id = p_member_id FOR UPDATE;
  SELECT invitation_hash IS NOT NULL INTO v_invited
  FROM memberships WHERE org_id = p_org_id AND staff_id = p_member_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  IF v_invited THEN
    UPDATE memberships SET invitation_hash = p_token_hash
    WHERE org_id = p_org_id AND staff_id = p_member_id;
  ELSIF works_elsewhere(p_org_id, p_member_id) THEN
    RETURN refusal('NOT_YOURS');
  ELSE
    PERFORM store_sign_in_link(p_member_id, p_token_hash);
  END IF;
  RETURN json_build_object('success', true, 'member_id', p_member_id,
    'link', CASE WHEN v_invited THEN 'invitation' ELSE 'sign_in' END);
END $$;
REVOKE ALL ON FUNCTION renew_member_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION renew_member_link TO voxanne_api;

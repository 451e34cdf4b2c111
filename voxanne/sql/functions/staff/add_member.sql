-- Purpose: somebody joins a clinic's staff. p_token_hash: of the secret they are given.
-- Guarantees: an account that works nowhere else begins anew (whoever had it before is out), and the
--   secret signs in. An account that works at another clinic is invited: the secret is good only for who
--   is signed in with that account, so that neither clinic gets into the other by adding an address.
-- Lock order: the account, its memberships.
-- Outcomes: {"member_id", "link": "sign_in" or "invitation"}; INVALID_EMAIL; INVALID_ARGUMENTS, with the
--   reason "member" where they belong to the clinic already; LIMIT_REACHED.
CREATE FUNCTION add_member(p_org_id uuid, p_email text, p_name text, p_role text, p_token_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_members_max constant integer := 200;
  v_now timestamptz := current_moment();
  v_email text := lower(btrim(p_email));
  v_staff_id uuid;
  v_works_elsewhere boolean;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  IF v_email IS NULL OR length(v_email) > 254 OR v_email !~ '^[^@[:space:]]+@[^@[:space:]]+$' THEN
    RETURN refusal('INVALID_EMAIL');
  END IF;
  IF p_role IS NULL OR p_role NOT IN ('owner', 'staff', 'read_only') OR length(coalesce(p_name, '')) > 120 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  INSERT INTO staff_accounts (email, created_at, updated_at) VALUES (v_email, v_now, v_now)
  ON CONFLICT (email) DO NOTHING;
  SELECT id INTO v_staff_id FROM staff_accounts WHERE email = v_email FOR UPDATE;
  IF NOT FOUND THEN
    -- It went with its last membership, between the two.
    RAISE serialization_failure;
  END IF;
  IF EXISTS (SELECT FROM memberships WHERE org_id = p_org_id AND staff_id = v_staff_id) THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "email", "reason": "member"}');
  END IF;
  IF (SELECT count(*) FROM memberships WHERE org_id = p_org_id) >= c_members_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  v_works_elsewhere := EXISTS (
    SELECT FROM memberships WHERE staff_id = v_staff_id AND invitation_hash IS NULL);
  INSERT INTO memberships (org_id, staff_id, role, invitation_hash, created_at)
  VALUES (p_org_id, v_staff_id, p_role, CASE WHEN v_works_elsewhere THEN p_token_hash END, v_now);
  IF NOT v_works_elsewhere THEN
    UPDATE staff_accounts SET name = coalesce(p_name, ''), updated_at = v_now WHERE id = v_staff_id;
    PERFORM store_password(v_staff_id, NULL, NULL);
    PERFORM store_sign_in_link(v_staff_id, p_token_hash);
  END IF;
  RETURN json_build_object('success', true, 'member_id', v_staff_id,
    'link', CASE WHEN v_works_elsewhere THEN 'invitation' ELSE 'sign_in' END);
END $$;
REVOKE ALL ON FUNCTION add_member FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_member TO voxanne_api;

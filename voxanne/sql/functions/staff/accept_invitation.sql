-- Purpose: somebody with an account joins a second clinic. p_old_hash: the password that was just checked,
--   NULL where they had none; p_new_hash: the one they chose now.
-- Guarantees: whoever else was let into the account by the clinic that made it is out: every other session
--   and link ends, and so does the password so far.
-- Lock order: the account, its memberships, its links, its sessions.
-- Outcomes: {"org_id"}; NOT_FOUND: no such invitation, or the password was changed in the meantime.
CREATE FUNCTION accept_invitation(p_staff_id uuid, p_session_id uuid, p_token_hash bytea, p_old_hash text, p_new_hash text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_email text;
  v_org_id uuid;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');   -- a tenant's session has no business with accounts
  END IF;
  SELECT email INTO v_email FROM staff_accounts
  WHERE id = p_staff_id AND password_hash IS NOT DISTINCT FROM p_old_hash
    AND p_new_hash IS DISTINCT FROM p_old_hash AND p_new_hash IS NOT NULL
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  UPDATE memberships SET invitation_hash = NULL
  WHERE staff_id = p_staff_id AND invitation_hash = p_token_hash
  RETURNING org_id INTO v_org_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  PERFORM store_password(p_staff_id, p_session_id, p_new_hash);
  INSERT INTO audit_log (org_id, staff_id, actor, action, subject_kind, subject_id, created_at)
  VALUES (v_org_id, p_staff_id, v_email, 'member_joined', 'member', p_staff_id, current_moment());
  RETURN json_build_object('success', true, 'org_id', v_org_id);
END $$;
REVOKE ALL ON FUNCTION accept_invitation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_invitation TO voxanne_api;

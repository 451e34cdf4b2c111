-- Purpose: remembers who is on their way through a vendor's consent page, for a quarter of an hour.
-- p_practitioner_id: whose calendar it will be; NULL: the clinic's.
CREATE FUNCTION begin_calendar_consent(
  p_org_id uuid, p_practitioner_id uuid, p_calendar text, p_state_hash bytea, p_encrypted_verifier bytea
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_lasts constant interval := '15 minutes';
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF coalesce(length(p_calendar), 0) NOT BETWEEN 1 AND 2000 OR octet_length(p_state_hash) <> 32 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF p_practitioner_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM practitioners WHERE org_id = p_org_id AND id = p_practitioner_id AND NOT implicit) THEN
    RETURN refusal('UNKNOWN_PRACTITIONER');
  END IF;
  DELETE FROM oauth_states WHERE org_id = p_org_id AND expires_at <= v_now;
  INSERT INTO oauth_states (org_id, state_hash, practitioner_id, calendar, encrypted_verifier, expires_at)
  VALUES (p_org_id, p_state_hash, p_practitioner_id, p_calendar, p_encrypted_verifier, v_now + c_lasts);
  RETURN json_build_object('success', true, 'expires_at', v_now + c_lasts);
END $$;
REVOKE ALL ON FUNCTION begin_calendar_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_calendar_consent TO voxanne_api;

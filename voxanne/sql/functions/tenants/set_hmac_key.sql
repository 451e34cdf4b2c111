-- Purpose: the key the organization's voice platform signs with, and how it signs.
-- p_encrypted_key: by the deployment's. p_scheme: see voxanne/inbound/signatures.py, which checks it.
-- Outcomes: {"success"}; INVALID_ORGANIZATION, INVALID_ARGUMENTS.
CREATE FUNCTION set_hmac_key(p_org_id uuid, p_encrypted_key bytea, p_scheme jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF coalesce(length(p_encrypted_key), 0) NOT BETWEEN 1 AND 4000
      OR jsonb_typeof(p_scheme) IS DISTINCT FROM 'object' OR length(p_scheme::text) > 2000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  INSERT INTO hmac_keys (org_id, encrypted_key, scheme, created_at)
  VALUES (p_org_id, p_encrypted_key, p_scheme, v_now)
  ON CONFLICT (org_id) DO UPDATE
    SET encrypted_key = excluded.encrypted_key, scheme = excluded.scheme, created_at = excluded.created_at;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION set_hmac_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_hmac_key TO voxanne_api;

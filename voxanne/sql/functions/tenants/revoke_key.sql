-- Purpose: an API key is good no longer. p_key_id: as list_credentials has it.
-- Outcomes: {"success", "key_id"}; NOT_FOUND.
CREATE FUNCTION revoke_key(p_org_id uuid, p_key_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM credentials
  WHERE org_id = p_org_id AND kind = 'api_key' AND credential_id(secret_hash) = p_key_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'key_id', p_key_id);
END $$;
REVOKE ALL ON FUNCTION revoke_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_key TO voxanne_api;

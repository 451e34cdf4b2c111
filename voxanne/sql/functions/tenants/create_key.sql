-- Purpose: a new API key of an organization. p_secret_hash: its SHA-256; the key itself isn't kept. p_name:
--   what it is for, to tell it from others.
-- Outcomes: those of store_credential; or LIMIT_REACHED.
CREATE FUNCTION create_key(p_org_id uuid, p_secret_hash bytea, p_scope text, p_name text DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_keys_max constant integer := 1000;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF (SELECT count(*) FROM credentials WHERE org_id = p_org_id) >= c_keys_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  RETURN store_credential(p_org_id, 'api_key', p_secret_hash, p_scope, p_name);
END $$;
REVOKE ALL ON FUNCTION create_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_key TO voxanne_api;

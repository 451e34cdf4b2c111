-- Purpose: how an organization's voice platform signs. The key is encrypted by the deployment's.
-- Outcomes: {"encrypted_key": base64, "scheme": {...}}, or NULL.
CREATE FUNCTION find_hmac_key(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT json_build_object('encrypted_key', convert_from(encrypted_key, 'UTF8'),
                                   'scheme', scheme)
          FROM hmac_keys WHERE org_id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION find_hmac_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_hmac_key TO voxanne_api;

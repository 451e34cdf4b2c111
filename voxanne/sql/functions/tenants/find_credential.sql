-- Purpose: whom a secret speaks for. Takes the secret's SHA-256; the secret itself isn't kept.
-- Outcomes: {"org_id", "kind", "scope"}, or NULL.
CREATE FUNCTION find_credential(p_secret_hash bytea) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (SELECT json_build_object('org_id', org_id, 'kind', kind, 'scope', scope)
          FROM credentials WHERE secret_hash = p_secret_hash);
END $$;
REVOKE ALL ON FUNCTION find_credential FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_credential TO voxanne_api;

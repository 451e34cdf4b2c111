-- Purpose: what may speak for an organization, without any secret: its keys, newest first, its voice
--   platform's secret and HMAC key, and its lines.
-- Outcomes: {"success", "keys": [{"id", "name" or null, "scope", "created_at"}], "vapi_secret_since", "hmac_key":
--   {"scheme", "since"} or null, "lines": [{"kind", "value", "created_at"}]}.
CREATE FUNCTION list_credentials(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object(
    'success', true,
    'keys', (
      SELECT coalesce(json_agg(json_build_object(
        'id', credential_id(secret_hash), 'name', name, 'scope', scope, 'created_at', created_at)
        ORDER BY created_at DESC, secret_hash), '[]')
      FROM credentials WHERE org_id = p_org_id AND kind = 'api_key'),
    'vapi_secret_since', (
      SELECT max(created_at) FROM credentials WHERE org_id = p_org_id AND kind = 'vapi_secret'),
    'hmac_key', (
      SELECT json_build_object('scheme', scheme, 'since', created_at) FROM hmac_keys WHERE org_id = p_org_id),
    'lines', (
      SELECT coalesce(json_agg(json_build_object(
        'kind', kind, 'value', value, 'created_at', created_at) ORDER BY kind DESC, value), '[]')
      FROM voice_lines WHERE org_id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION list_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_credentials TO voxanne_api;

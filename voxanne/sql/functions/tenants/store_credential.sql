-- Purpose: writes who may speak for an organization. p_secret_hash: SHA-256 of a long random secret.
-- p_name: NULL, or at most 100 characters.
-- Outcomes: {"success", "key_id", "scope", "created_at"}; INVALID_ORGANIZATION; INVALID_ARGUMENTS, also
--   for a secret that is in use.
CREATE FUNCTION store_credential(
  p_org_id uuid, p_kind text, p_secret_hash bytea, p_scope text, p_name text DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF coalesce(length(p_secret_hash), 0) <> 32
      OR coalesce(p_scope, '') NOT IN ('agent', 'staff', 'admin', 'read_only') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF length(p_name) NOT BETWEEN 1 AND 100 THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "name", "message": "A key''s name has 1 to 100 characters"}');
  END IF;
  INSERT INTO credentials (secret_hash, kind, org_id, scope, name, created_at)
  VALUES (p_secret_hash, p_kind, p_org_id, p_scope, p_name, v_now)
  ON CONFLICT (secret_hash) DO NOTHING;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "secret", "message": "That secret is in use already; make another one"}');
  END IF;
  RETURN json_build_object('success', true, 'key_id', credential_id(p_secret_hash), 'scope', p_scope,
                           'created_at', v_now);
END $$;
REVOKE ALL ON FUNCTION store_credential FROM PUBLIC;

-- Purpose: what a stored secret is called where its hash should not be shown.
CREATE FUNCTION credential_id(p_secret_hash bytea) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$
  SELECT encode(substring(sha256(p_secret_hash) FOR 16), 'hex')::uuid
$$;
REVOKE ALL ON FUNCTION credential_id FROM PUBLIC;

-- Purpose: a calendar's renewed credentials, encrypted.
-- Guarantees: those that came in another way meanwhile (p_credentials_version is theirs no longer) stay.
-- p_credentials NULL: they couldn't be renewed; the lease ends.
-- Outcomes: {"success", "stored"}.
CREATE FUNCTION store_credentials(
  p_org_id uuid, p_connection_id uuid, p_credentials_version integer, p_credentials bytea,
  p_access_expires_at timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET
    credentials = coalesce(p_credentials, credentials),
    access_expires_at = CASE WHEN p_credentials IS NULL THEN access_expires_at ELSE p_access_expires_at END,
    credentials_version = credentials_version + (p_credentials IS NOT NULL)::integer,
    refresh_leased_until = NULL, updated_at = current_moment()
  WHERE org_id = p_org_id AND id = p_connection_id AND credentials_version = p_credentials_version
    AND status = 'connected';
  RETURN json_build_object('success', true, 'stored', FOUND);
END $$;
REVOKE ALL ON FUNCTION store_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_credentials TO voxanne_api;

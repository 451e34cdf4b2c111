-- Purpose: who renews a calendar's access token? One at a time, over all processes.
-- p_credentials_version: those to be renewed. Outcomes: {"success", "leased": the caller renews them,
--   within p_lease_seconds, "connection": as it is now}; or NOT_FOUND.
CREATE FUNCTION lease_credentials(
  p_org_id uuid, p_connection_id uuid, p_credentials_version integer, p_lease_seconds integer
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_connection calendar_connections;
  v_leased boolean;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET refresh_leased_until = v_now + make_interval(secs => p_lease_seconds)
  WHERE org_id = p_org_id AND id = p_connection_id AND status = 'connected'
    AND credentials_version = p_credentials_version
    AND coalesce(refresh_leased_until <= v_now, true);
  v_leased := FOUND;
  SELECT * INTO v_connection FROM calendar_connections
  WHERE org_id = p_org_id AND id = p_connection_id AND status <> 'disconnected';
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object(
    'success', true, 'leased', v_leased, 'connection', connection_details(v_connection));
END $$;
REVOKE ALL ON FUNCTION lease_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lease_credentials TO voxanne_api;

-- Purpose: a calendar can't be reached any more until staff connect it again; they are told.
-- p_credentials_version: those that were refused; with others by now nothing is broken.
-- Outcomes: {"success", "broken"}.
CREATE FUNCTION break_calendar(
  p_org_id uuid, p_connection_id uuid, p_credentials_version integer, p_error_code text, p_error text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF EXISTS (
      SELECT FROM calendar_connections
      WHERE org_id = p_org_id AND id = p_connection_id AND credentials_version = p_credentials_version
        AND status = 'broken') THEN
    RETURN json_build_object('success', true, 'broken', true);
  END IF;
  UPDATE calendar_connections SET
    status = 'broken', error_code = left(p_error_code, 50), error = left(p_error, 500),
    refresh_leased_until = NULL, sync_leased_until = NULL, updated_at = v_now
  WHERE org_id = p_org_id AND id = p_connection_id AND credentials_version = p_credentials_version
    AND status = 'connected';
  IF NOT FOUND THEN
    RETURN json_build_object('success', true, 'broken', false);
  END IF;
  PERFORM store_alert(p_org_id, 'calendar_broken', NULL, NULL, NULL, v_now);
  RETURN json_build_object('success', true, 'broken', true);
END $$;
REVOKE ALL ON FUNCTION break_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION break_calendar TO voxanne_api;

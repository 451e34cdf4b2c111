-- Purpose: staff want a calendar connected no longer. Whoever had it as their own has the clinic's.
-- Outcomes: {"success"}; or NOT_FOUND.
CREATE FUNCTION disconnect_calendar(p_org_id uuid, p_connection_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  PERFORM FROM calendar_connections
  WHERE org_id = p_org_id AND id = p_connection_id AND status <> 'disconnected' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  PERFORM drop_connection(p_org_id, p_connection_id, v_now);
  PERFORM queue_calendars(p_org_id, v_now);
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION disconnect_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION disconnect_calendar TO voxanne_api;

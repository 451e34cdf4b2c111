-- Purpose: where a CalDAV calendar was found that was connected by its server's address alone.
-- Guarantees: later calendars of the same account don't make it doubtful which was meant.
-- p_credentials_version: those it was found with; with others by now nothing changes.
-- Outcomes: {"success", "located"}; INVALID_ARGUMENTS.
CREATE FUNCTION locate_calendar(
  p_org_id uuid, p_connection_id uuid, p_credentials_version integer, p_calendar text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF coalesce(length(p_calendar), 0) NOT BETWEEN 1 AND 2000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  UPDATE calendar_connections SET calendar = p_calendar, updated_at = current_moment()
  WHERE org_id = p_org_id AND id = p_connection_id AND vendor = 'caldav' AND status <> 'disconnected'
    AND credentials_version = p_credentials_version;
  RETURN json_build_object('success', true, 'located', FOUND);
END $$;
REVOKE ALL ON FUNCTION locate_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION locate_calendar TO voxanne_api;

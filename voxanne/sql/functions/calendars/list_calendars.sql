-- Purpose: the clinic's calendars and how they are. No credentials.
-- Outcomes: {"success", "calendars": […]}; "age_seconds": since the mirror was last complete; "stale":
--   for longer than the clinic allows.
CREATE FUNCTION list_calendars(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'calendars', (
    SELECT coalesce(json_agg(json_build_object(
      'id', connection.id, 'practitioner_id', practitioner_id, 'practitioner_name', practitioners.name,
      'vendor', vendor, 'calendar', calendar, 'account', account, 'status', status,
      'error_code', error_code, 'error', error, 'synced_at', synced_at,
      'age_seconds', floor(extract(epoch FROM v_now - synced_at))::bigint,
      'stale', is_stale(connection, calendar_stale_minutes, v_now),
      'connected_at', connection.created_at) ORDER BY practitioner_id NULLS FIRST), '[]')
    FROM calendar_connections AS connection
    JOIN organizations ON organizations.id = p_org_id
    LEFT JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
    WHERE connection.org_id = p_org_id AND status <> 'disconnected'));
END $$;
REVOKE ALL ON FUNCTION list_calendars FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_calendars TO voxanne_api;

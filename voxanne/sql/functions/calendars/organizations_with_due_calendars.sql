-- Purpose: whose calendars are to be read now. Ids only.
CREATE FUNCTION organizations_with_due_calendars(p_limit integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(org_id), '[]') FROM (
      SELECT org_id FROM calendar_connections
      WHERE status = 'connected' AND sync_due_at <= v_now AND coalesce(sync_leased_until <= v_now, true)
      GROUP BY org_id ORDER BY min(sync_due_at) LIMIT p_limit
    ) AS due);
END $$;
REVOKE ALL ON FUNCTION organizations_with_due_calendars FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_due_calendars TO voxanne_api;

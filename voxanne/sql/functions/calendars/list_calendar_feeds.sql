-- Purpose: which practitioners' calendars can be read at an address, and since when. Never the address.
-- Outcomes: {"success", "feeds": [{"practitioner_id", "created_at"}]}.
CREATE FUNCTION list_calendar_feeds(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'feeds', (
    SELECT coalesce(json_agg(json_build_object(
      'practitioner_id', practitioner_id, 'created_at', created_at) ORDER BY practitioner_id), '[]')
    FROM calendar_feeds WHERE org_id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION list_calendar_feeds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_calendar_feeds TO voxanne_api;

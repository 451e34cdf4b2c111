-- Purpose: a practitioner's calendar feed can no longer be read.
-- Outcomes: {"success", "practitioner_id"}; NOT_FOUND when there is no feed.
CREATE FUNCTION close_calendar_feed(p_org_id uuid, p_practitioner_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM calendar_feeds WHERE org_id = p_org_id AND practitioner_id = p_practitioner_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'practitioner_id', p_practitioner_id);
END $$;
REVOKE ALL ON FUNCTION close_calendar_feed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_calendar_feed TO voxanne_api;

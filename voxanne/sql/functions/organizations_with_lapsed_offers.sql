-- Purpose: whose waitlist must be advanced. Ids only; for the API's own housekeeping.
CREATE FUNCTION organizations_with_lapsed_offers(p_limit integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(org_id), '[]') FROM (
      SELECT DISTINCT waitlist.org_id
      FROM waitlist
      JOIN appointments ON appointments.org_id = waitlist.org_id AND appointments.id = held_appointment_id
      WHERE waitlist.status = 'offered'
        AND (appointments.status <> 'held' OR hold_expires_at <= current_moment())
      LIMIT p_limit
    ) AS lapsed
  );
END $$;
REVOKE ALL ON FUNCTION organizations_with_lapsed_offers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_lapsed_offers TO voxanne_api;

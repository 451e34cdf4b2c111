-- Purpose: where housekeeping has work: an offer lapsed, or a hold did a while ago. Ids only, in no order,
--   so that with more of them than p_limit each has its turn.
-- Cost: reads what is held or offered, and nothing of what is booked.
CREATE FUNCTION organizations_with_lapsed_holds(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(org_id), '[]') FROM (
      SELECT org_id FROM (
        SELECT org_id FROM appointments
        WHERE status = 'held' AND hold_expires_at <= v_now
          AND (contact_id IS NOT NULL OR hold_expires_at <= v_now - interval '10 minutes')
        UNION
        SELECT waitlist.org_id
        FROM waitlist
        JOIN appointments ON appointments.org_id = waitlist.org_id AND appointments.id = held_appointment_id
        WHERE waitlist.status = 'offered' AND appointments.status <> 'held'
      ) AS lapsed
      ORDER BY gen_random_uuid() LIMIT p_limit
    ) AS chosen
  );
END $$;
REVOKE ALL ON FUNCTION organizations_with_lapsed_holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_lapsed_holds TO voxanne_api;

-- Purpose: offers that lapsed go to the next who waits. One offer at a time, so that no locks pile up.
-- Outcomes: how many were ended.
CREATE FUNCTION advance_waitlist(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_entry uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT waitlist.id INTO v_entry
  FROM waitlist
  JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = held_appointment_id
  WHERE waitlist.org_id = p_org_id AND waitlist.status = 'offered'
    AND (appointments.status <> 'held' OR hold_expires_at <= current_moment())
  ORDER BY hold_expires_at LIMIT 1;
  RETURN CASE WHEN v_entry IS NOT NULL AND end_offer(p_org_id, v_entry, 'waiting', true) THEN 1 ELSE 0 END;
END $$;
REVOKE ALL ON FUNCTION advance_waitlist FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advance_waitlist TO voxanne_api;

-- Purpose: the call is over: what it held and didn't book is free at once.
-- Lock order: each hold's practitioner by id, then the clinic's rooms.
-- Outcomes: how many were released.
CREATE FUNCTION release_holds(p_org_id uuid, p_call_id text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_practitioners uuid[];
  v_rooms boolean;
  v_hold appointments;
  v_released integer := 0;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT array_agg(DISTINCT practitioner_id ORDER BY practitioner_id), bool_or(room_id IS NOT NULL)
  INTO v_practitioners, v_rooms FROM appointments
  WHERE org_id = p_org_id AND call_id = p_call_id AND status = 'held' AND contact_id IS NULL;
  IF v_practitioners IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM lock_diary(p_org_id, NULL, NULL, v_practitioners, v_rooms, true);
  FOR v_hold IN
    SELECT * FROM appointments
    WHERE org_id = p_org_id AND call_id = p_call_id AND status = 'held' AND contact_id IS NULL
      AND practitioner_id = ANY (v_practitioners)
  LOOP
    PERFORM free_hold(v_hold, current_moment());
    v_released := v_released + 1;
  END LOOP;
  RETURN v_released;
END $$;
REVOKE ALL ON FUNCTION release_holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release_holds TO voxanne_api;

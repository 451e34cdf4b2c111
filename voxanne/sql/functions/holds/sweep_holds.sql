-- Purpose: tidies away holds that lapsed a while ago. Nothing depends on it: whoever wants their time
-- takes it over.
-- Lock order: that of lock_diary.
-- Outcomes: how many were ended.
CREATE FUNCTION sweep_holds(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_holds_max constant integer := 100;
  c_lapsed_for constant interval := '10 minutes';
  v_practitioners uuid[];
  v_hold appointments;
  v_ended integer := 0;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT array_agg(DISTINCT practitioner_id ORDER BY practitioner_id) INTO v_practitioners
  FROM appointments
  WHERE org_id = p_org_id AND status = 'held' AND contact_id IS NULL
    AND hold_expires_at <= current_moment() - c_lapsed_for;
  IF v_practitioners IS NULL
     OR NOT lock_diary(p_org_id, NULL, NULL, v_practitioners, true, false) THEN
    RETURN 0;   -- another time
  END IF;
  FOR v_hold IN
    SELECT * FROM appointments
    WHERE org_id = p_org_id AND status = 'held' AND contact_id IS NULL
      AND hold_expires_at <= current_moment() - c_lapsed_for
      AND practitioner_id = ANY (v_practitioners)
    LIMIT c_holds_max
  LOOP
    PERFORM free_hold(v_hold, current_moment());
    v_ended := v_ended + 1;
  END LOOP;
  RETURN v_ended;
END $$;
REVOKE ALL ON FUNCTION sweep_holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_holds TO voxanne_api;

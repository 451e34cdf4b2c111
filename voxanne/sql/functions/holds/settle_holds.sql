-- Purpose: settle_overbooked for each hold that end_holds ended, once what ended them is stored.
CREATE FUNCTION settle_holds(p_ended appointments[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_held appointments;
BEGIN
  FOREACH v_held IN ARRAY coalesce(p_ended, '{}') LOOP
    PERFORM settle_overbooked(v_held.org_id, v_held.practitioner_id, v_held.room_id, v_held.blocked);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION settle_holds FROM PUBLIC;

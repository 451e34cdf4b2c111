-- Purpose: an appointment's event is in that calendar no longer.
CREATE FUNCTION forget_calendar_event(p_org_id uuid, p_appointment_id uuid, p_connection_id uuid)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM calendar_events
  WHERE org_id = p_org_id AND appointment_id = p_appointment_id AND connection_id = p_connection_id;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION forget_calendar_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_calendar_event TO voxanne_api;

-- Purpose: how far an appointment's calendar event is.
-- Outcomes: {"status", "event_id"}: the status of its newest calendar delivery; 'off' where the
-- practitioner has no calendar; event_id only once it was verified. NULL: forbidden, or no delivery.
CREATE FUNCTION calendar_state(p_org_id uuid, p_appointment_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT json_build_object(
      'status', CASE WHEN EXISTS (
          SELECT FROM calendar_connections AS connection
          JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = p_appointment_id
          WHERE connection.org_id = p_org_id AND connection.status <> 'disconnected'
            AND (connection.practitioner_id IS NULL
                 OR connection.practitioner_id = appointments.practitioner_id))
        THEN status ELSE 'off' END,
      'event_id', CASE WHEN status = 'delivered' THEN external_id END)
    FROM deliveries
    WHERE org_id = p_org_id AND subject_id = p_appointment_id AND kind = 'calendar'
    ORDER BY version DESC LIMIT 1);
END $$;
REVOKE ALL ON FUNCTION calendar_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calendar_state TO voxanne_api;

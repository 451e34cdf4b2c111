-- Purpose: what a repeated call gets: the appointment it already has, as it stands now.
CREATE FUNCTION replayed_result(p_appointment appointments) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN appointment_result(
    p_appointment,
    (SELECT name FROM practitioners
     WHERE org_id = p_appointment.org_id AND id = p_appointment.practitioner_id AND NOT implicit),
    (SELECT json_object_agg(kind, status) FROM deliveries
     WHERE org_id = p_appointment.org_id AND appointment_id = p_appointment.id
       AND version = p_appointment.version),
    true);
END $$;
REVOKE ALL ON FUNCTION replayed_result FROM PUBLIC;

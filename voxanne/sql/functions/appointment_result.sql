-- Purpose: a booked appointment as book_appointment_atomic returns it, as it stands now.
CREATE FUNCTION appointment_result(
  p_appointment appointments, p_replayed boolean, p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN json_build_object(
    'success', true,
    'appointment_id', p_appointment.id,
    'contact_id', p_appointment.contact_id,
    'scheduled_at', p_appointment.scheduled_at,
    'ends_at', p_appointment.ends_at,
    'service_type', p_appointment.service_type,
    'status', p_appointment.status,
    'version', p_appointment.version,
    'practitioner_id', p_appointment.practitioner_id,
    'practitioner_name', (
      SELECT name FROM practitioners
      WHERE org_id = p_appointment.org_id AND id = p_appointment.practitioner_id AND NOT implicit),
    'room_id', p_appointment.room_id,
    'deliveries', (
      SELECT json_object_agg(kind, status) FROM deliveries
      WHERE org_id = p_appointment.org_id AND appointment_id = p_appointment.id
        AND version = p_appointment.version),
    'replayed', p_replayed,
    'message', CASE p_appointment.status
      WHEN 'confirmed' THEN 'The appointment is booked'
      ELSE 'The appointment was booked and is now ' || replace(p_appointment.status, '_', ' ')
    END,
    'created_at', p_appointment.created_at);
END $$;
REVOKE ALL ON FUNCTION appointment_result FROM PUBLIC;

-- Purpose: a booked appointment as book_appointment_atomic returns it, as it stands now.
-- p_deliveries: kind → status, of the appointment's present version.
CREATE FUNCTION appointment_result(
  p_appointment appointments, p_practitioner_name text, p_deliveries json, p_replayed boolean
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
    'practitioner_name', p_practitioner_name,
    'room_id', p_appointment.room_id,
    'deliveries', p_deliveries,
    'replayed', p_replayed,
    'message', CASE p_appointment.status
      WHEN 'confirmed' THEN 'The appointment is booked'
      ELSE 'The appointment was booked and is now ' || replace(p_appointment.status, '_', ' ')
    END,
    'created_at', p_appointment.created_at);
END $$;
REVOKE ALL ON FUNCTION appointment_result FROM PUBLIC;

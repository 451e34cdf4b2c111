-- Purpose: an appointment in a line of a lead's page, with the names of what it refers to.
CREATE FUNCTION appointment_line(p_booked appointments) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'appointment_id', p_booked.id, 'lead_id', p_booked.contact_id, 'status', p_booked.status,
    'scheduled_at', p_booked.scheduled_at, 'ends_at', p_booked.ends_at,
    'patient', p_booked.metadata #>> '{patient,name}',
    'service', coalesce(
      (SELECT name FROM services WHERE org_id = p_booked.org_id AND key = p_booked.service_type),
      p_booked.service_type),
    'practitioner', (
      SELECT name FROM practitioners
      WHERE org_id = p_booked.org_id AND id = p_booked.practitioner_id AND NOT implicit),
    'patient_confirmed_at', p_booked.patient_confirmed_at);
END $$;
REVOKE ALL ON FUNCTION appointment_line FROM PUBLIC;

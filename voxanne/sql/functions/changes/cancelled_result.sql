-- Purpose: a cancelled appointment as cancel_appointment returns it.
CREATE FUNCTION cancelled_result(p_cancelled appointments, p_replayed boolean) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN json_build_object(
    'success', true, 'appointment_id', p_cancelled.id, 'status', p_cancelled.status,
    'version', p_cancelled.version, 'scheduled_at', p_cancelled.scheduled_at,
    'service_type', p_cancelled.service_type, 'practitioner_id', p_cancelled.practitioner_id,
    'practitioner_name', (
      SELECT name FROM practitioners
      WHERE org_id = p_cancelled.org_id AND id = p_cancelled.practitioner_id AND NOT implicit),
    'replayed', p_replayed, 'message', 'The appointment is cancelled',
    'created_at', p_cancelled.created_at);
END $$;
REVOKE ALL ON FUNCTION cancelled_result FROM PUBLIC;

-- Purpose: where an appointment was before it moved, as reschedule_appointment tells it.
CREATE FUNCTION previous_time(p_before appointments) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object('previous', jsonb_build_object(
    'scheduled_at', p_before.scheduled_at,
    'practitioner_id', p_before.practitioner_id,
    'practitioner_name', (SELECT name FROM practitioners
                          WHERE org_id = p_before.org_id AND id = p_before.practitioner_id AND NOT implicit)));
END $$;
REVOKE ALL ON FUNCTION previous_time FROM PUBLIC;

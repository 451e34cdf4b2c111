-- Purpose: what is needed to bring an appointment's calendar event up to date.
CREATE FUNCTION calendar_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'appointment', delivered_appointment(p_delivery.org_id, p_delivery.subject_id));
END $$;
REVOKE ALL ON FUNCTION calendar_details FROM PUBLIC;

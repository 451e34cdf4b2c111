-- Purpose: what is needed to write and send a text message.
CREATE FUNCTION text_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'appointment', delivered_appointment(p_delivery.org_id, p_delivery.subject_id));
END $$;
REVOKE ALL ON FUNCTION text_details FROM PUBLIC;

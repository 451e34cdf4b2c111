-- Purpose: what is needed to write and send an e-mail: the appointment and the link to its page.
CREATE FUNCTION email_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_appointment jsonb := delivered_appointment(p_delivery.org_id, p_delivery.subject_id);
BEGIN
  RETURN jsonb_build_object(
    'appointment', v_appointment,
    'link', CASE WHEN v_appointment IS NOT NULL
                 THEN appointment_link(p_delivery.org_id, p_delivery.subject_id) END);
END $$;
REVOKE ALL ON FUNCTION email_details FROM PUBLIC;

-- Purpose: what is needed to write and send an e-mail.
CREATE FUNCTION email_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'appointment', delivered_appointment(p_delivery.org_id, p_delivery.subject_id));
END $$;
REVOKE ALL ON FUNCTION email_details FROM PUBLIC;

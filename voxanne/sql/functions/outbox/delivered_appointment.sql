-- Purpose: the appointment a delivery is about, with what its patient is told. NULL: there is none.
CREATE FUNCTION delivered_appointment(p_org_id uuid, p_appointment_id uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_booked appointments;
BEGIN
  SELECT * INTO v_booked FROM appointments WHERE org_id = p_org_id AND id = p_appointment_id;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN appointment_document(v_booked) || jsonb_build_object(
    'service_name', (SELECT name FROM services WHERE org_id = p_org_id AND key = v_booked.service_type));
END $$;
REVOKE ALL ON FUNCTION delivered_appointment FROM PUBLIC;

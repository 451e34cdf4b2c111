-- Purpose: an appointment, locked to be changed: its practitioner and those it may go to, the rooms,
-- then the row.
-- Lock order: that of lock_diary, then the row.
-- Outcomes: NULL when there is none. When it moved to another practitioner while we waited,
-- serialization_failure: the whole transaction is run again.
CREATE FUNCTION lock_appointment(
  p_org_id uuid, p_appointment_id uuid, p_idempotency_key text, p_practitioners uuid[]
) RETURNS appointments
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_practitioner uuid;
  v_practitioners uuid[];
  v_appointment appointments;
BEGIN
  SELECT practitioner_id INTO v_practitioner FROM appointments
  WHERE org_id = p_org_id AND id = p_appointment_id;
  SELECT array_agg(DISTINCT id ORDER BY id) INTO v_practitioners
  FROM unnest(p_practitioners || v_practitioner) AS id WHERE id IS NOT NULL;
  PERFORM lock_diary(p_org_id, NULL, p_idempotency_key, coalesce(v_practitioners, '{}'),
                     EXISTS (SELECT FROM rooms WHERE org_id = p_org_id), true);
  SELECT * INTO v_appointment FROM appointments
  WHERE org_id = p_org_id AND id = p_appointment_id FOR UPDATE;
  IF v_appointment.practitioner_id IS DISTINCT FROM v_practitioner THEN
    RAISE serialization_failure USING MESSAGE = 'the appointment moved to another practitioner';
  END IF;
  RETURN CASE WHEN v_appointment.id IS NOT NULL THEN v_appointment END;
END $$;
REVOKE ALL ON FUNCTION lock_appointment FROM PUBLIC;

-- Purpose: the appointment a repeated call already has: by its key, in any state, or as the same
-- person, service and start while it is live.
-- Outcomes: r_lead_id: the person, when known; r_appointment: the whole row, or NULL; r_mismatch:
-- the key belongs to other arguments.
CREATE FUNCTION find_booked(
  p_org_id uuid, p_idempotency_key text, p_request_hash text,
  p_phone text, p_person text, p_service_type text, p_scheduled_at timestamptz,
  OUT r_lead_id uuid, OUT r_appointment appointments, OUT r_mismatch boolean
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  r_mismatch := false;
  IF p_idempotency_key IS NOT NULL THEN
    SELECT * INTO r_appointment FROM appointments
    WHERE org_id = p_org_id AND idempotency_key = p_idempotency_key;
    IF FOUND THEN
      r_mismatch := r_appointment.request_hash IS DISTINCT FROM p_request_hash;
      RETURN;
    END IF;
  END IF;
  SELECT id INTO r_lead_id FROM leads
  WHERE org_id = p_org_id AND phone = p_phone AND person = p_person;
  IF r_lead_id IS NOT NULL THEN
    SELECT * INTO r_appointment FROM appointments
    WHERE org_id = p_org_id AND contact_id = r_lead_id AND scheduled_at = p_scheduled_at
      AND service_type = p_service_type AND status = 'confirmed';
  END IF;
END $$;
REVOKE ALL ON FUNCTION find_booked FROM PUBLIC;

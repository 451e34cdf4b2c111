-- Purpose: what the caller has already: the appointment of a repeated call (by its key, in any state,
-- or as the same person, service and start while it is live), a hold that was offered to them for
-- that start, and how many appointments are to come.
-- Outcomes: r_appointment_id, or NULL; r_mismatch: the key belongs to other arguments; r_by_key: the
--   key is known, of a booking or of a request that found one.
CREATE FUNCTION find_booked(
  p_org_id uuid, p_idempotency_key text, p_request_hash text, p_phone text, p_person text,
  p_service_type text, p_scheduled_at timestamptz, p_moment timestamptz,
  OUT r_appointment_id uuid, OUT r_mismatch boolean, OUT r_offered_by uuid, OUT r_upcoming bigint,
  OUT r_by_key boolean
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF p_idempotency_key IS NOT NULL THEN
    SELECT id, id IS NULL OR kept_hash IS DISTINCT FROM p_request_hash, true
    INTO r_appointment_id, r_mismatch, r_by_key
    FROM (
      SELECT id, request_hash FROM appointments
      WHERE org_id = p_org_id AND idempotency_key = p_idempotency_key
      UNION ALL
      SELECT (result ->> 'appointment_id')::uuid, request_hash FROM idempotency_keys
      WHERE org_id = p_org_id AND idempotency_key = p_idempotency_key
    ) AS kept (id, kept_hash)
    LIMIT 1;
    IF r_by_key THEN
      RETURN;
    END IF;
  END IF;
  SELECT
    (array_agg(appointments.id) FILTER (
      WHERE appointments.status = 'confirmed' AND person = p_person
        AND scheduled_at = p_scheduled_at AND service_type = p_service_type))[1],
    (array_agg(practitioner_id) FILTER (
      WHERE appointments.status = 'held' AND hold_expires_at > p_moment
        AND scheduled_at = p_scheduled_at AND service_type = p_service_type))[1],
    count(*) FILTER (WHERE appointments.status = 'confirmed' AND scheduled_at > p_moment)
  INTO r_appointment_id, r_offered_by, r_upcoming
  FROM leads
  JOIN appointments ON appointments.org_id = p_org_id AND contact_id = leads.id
  WHERE leads.org_id = p_org_id AND phone = p_phone
    AND scheduled_at >= least(p_scheduled_at, p_moment)
    AND appointments.status IN ('held', 'confirmed');
END $$;
REVOKE ALL ON FUNCTION find_booked FROM PUBLIC;

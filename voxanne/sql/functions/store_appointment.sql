-- Purpose: the writes of a booking, all or none: lead, appointment, event, deliveries.
-- Called by book_appointment_atomic under its locks, nowhere else.
-- Outcomes: the row; or NULL with nothing written, when a constraint finds the time taken (SQLSTATE
-- 23P01 and only that: a session at REPEATABLE READ can't see whoever came first).
CREATE FUNCTION store_appointment(
  p_org_id uuid, p_practitioner_id uuid, p_room_id uuid, p_lead_id uuid, p_name text,
  p_person text, p_phone text, p_phone_verified boolean, p_email text, p_service_type text,
  p_scheduled_at timestamptz, p_ends_at timestamptz, p_blocked tstzrange, p_overlaps boolean,
  p_take_over boolean, p_source text, p_call_id text, p_idempotency_key text, p_request_hash text,
  p_metadata jsonb, p_moment timestamptz
) RETURNS appointments
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_lead_id uuid := p_lead_id;
  v_appointment appointments;
BEGIN
  IF p_practitioner_id = p_org_id THEN
    INSERT INTO practitioners (org_id, id, name, implicit)
    SELECT id, id, name, true FROM organizations WHERE id = p_org_id
    ON CONFLICT (org_id, id) DO NOTHING;
  END IF;
  IF p_take_over THEN
    UPDATE appointments SET status = 'expired', version = version + 1, updated_at = p_moment
    WHERE org_id = p_org_id AND status = 'held' AND hold_expires_at <= p_moment
      AND blocked && p_blocked AND (practitioner_id = p_practitioner_id OR room_id = p_room_id);
  END IF;
  IF v_lead_id IS NULL THEN
    INSERT INTO leads (org_id, name, person, phone, phone_verified, email, created_at, updated_at)
    VALUES (p_org_id, p_name, p_person, p_phone, p_phone_verified, p_email, p_moment, p_moment)
    ON CONFLICT (org_id, phone, person) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id INTO v_lead_id;
  ELSE
    UPDATE leads SET email = p_email, updated_at = p_moment
    WHERE org_id = p_org_id AND id = v_lead_id AND email IS DISTINCT FROM p_email
      AND p_email IS NOT NULL;
  END IF;
  INSERT INTO appointments (
    org_id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
    blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key, request_hash,
    metadata, created_at, updated_at)
  VALUES (
    p_org_id, v_lead_id, p_practitioner_id, p_room_id, p_service_type, p_scheduled_at, p_ends_at,
    lower(p_blocked), upper(p_blocked), p_overlaps, p_source, p_call_id, p_idempotency_key,
    p_request_hash, p_metadata, p_moment, p_moment)
  RETURNING * INTO v_appointment;
  INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
  VALUES (p_org_id, 'booked', v_appointment.id, v_lead_id, p_call_id, p_moment);
  INSERT INTO deliveries (org_id, appointment_id, kind, version, due_at, created_at)
  SELECT p_org_id, v_appointment.id, kind, v_appointment.version, p_moment, p_moment
  FROM unnest(CASE WHEN p_email IS NULL THEN ARRAY['calendar', 'sms_confirmation']
              ELSE ARRAY['calendar', 'sms_confirmation', 'email_confirmation'] END) AS kind;
  RETURN v_appointment;
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_appointment FROM PUBLIC;

-- Purpose: the writes of a booking, all or none: lead, appointment, event, deliveries.
-- Called by book_appointment_atomic under its locks, nowhere else.
-- Outcomes: the booking's result; or NULL with nothing written, when a constraint finds the time
-- taken (SQLSTATE 23P01 and only that: a session at REPEATABLE READ can't see whoever came first).
CREATE FUNCTION store_appointment(
  p_org_id uuid, p_practitioner_id uuid, p_practitioner_name text, p_room_id uuid,
  p_name text, p_person text, p_phone text, p_phone_verified boolean, p_email text,
  p_contact_phone text, p_service_type text, p_scheduled_at timestamptz, p_ends_at timestamptz,
  p_blocked tstzrange, p_overlaps boolean, p_overlap_reason text, p_take_over boolean,
  p_source text, p_call_id text, p_idempotency_key text, p_request_hash text, p_metadata jsonb,
  p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_id uuid := gen_random_uuid();
  v_result json;
BEGIN
  IF p_practitioner_id = p_org_id AND NOT EXISTS (
      SELECT FROM practitioners WHERE org_id = p_org_id AND id = p_org_id) THEN
    INSERT INTO practitioners (org_id, id, name, implicit)
    SELECT id, id, name, true FROM organizations WHERE id = p_org_id
    ON CONFLICT (org_id, id) DO NOTHING;
  END IF;
  IF p_take_over THEN
    UPDATE appointments SET status = 'expired', version = version + 1, updated_at = p_moment
    WHERE org_id = p_org_id AND status = 'held' AND hold_expires_at <= p_moment
      AND blocked && p_blocked AND NOT overlap_allowed
      AND (practitioner_id = p_practitioner_id OR room_id = p_room_id);
  END IF;
  WITH lead AS (
    INSERT INTO leads AS known
      (org_id, name, person, phone, phone_verified, email, created_at, updated_at)
    VALUES (p_org_id, p_name, p_person, p_phone, p_phone_verified, p_email, p_moment, p_moment)
    ON CONFLICT (org_id, phone, person) DO UPDATE
      SET email = coalesce(excluded.email, known.email), updated_at = excluded.updated_at
    RETURNING id
  ), booked AS (
    INSERT INTO appointments (
      org_id, id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
      blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key,
      request_hash, metadata, created_at, updated_at)
    SELECT
      p_org_id, v_id, lead.id, p_practitioner_id, p_room_id, p_service_type, p_scheduled_at,
      p_ends_at, lower(p_blocked), upper(p_blocked), p_overlaps, p_source, p_call_id,
      p_idempotency_key, p_request_hash,
      p_metadata || jsonb_strip_nulls(jsonb_build_object(
        'patient', jsonb_build_object('name', p_name, 'email', p_email, 'phone', p_phone,
                                      'contact_phone', p_contact_phone),
        'overlap_reason', CASE WHEN p_overlaps THEN p_overlap_reason END)),
      p_moment, p_moment
    FROM lead
  ), logged AS (
    INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
    SELECT p_org_id, 'booked', v_id, lead.id, p_call_id, p_moment FROM lead
  ), queued AS (
    INSERT INTO deliveries (org_id, appointment_id, kind, version, due_at, created_at)
    SELECT p_org_id, v_id, kind, 1, p_moment, p_moment
    FROM unnest(ARRAY['calendar', 'sms_confirmation', 'email_confirmation']) AS kind
    WHERE kind <> 'email_confirmation' OR p_email IS NOT NULL
    RETURNING kind, status
  )
  SELECT appointment_result(
    v_id, lead.id, p_scheduled_at, p_ends_at, p_service_type, 'confirmed', 1, p_practitioner_id,
    p_practitioner_name, p_room_id, (SELECT json_object_agg(kind, status) FROM queued), false,
    p_moment)
  INTO v_result FROM lead;
  RETURN v_result;
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_appointment FROM PUBLIC;

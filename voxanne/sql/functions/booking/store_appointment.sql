-- Purpose: the writes of a booking, all or none: lead, appointment, event, deliveries.
-- Called by place_appointment under the locks, nowhere else.
-- Outcomes: the booking's result; or NULL with nothing written, when a constraint finds the time
-- taken (SQLSTATE 23P01 and only that: a session at REPEATABLE READ can't see whoever came first).
CREATE FUNCTION store_appointment(
  p_wanted appointments, p_lead leads, p_practitioner_name text, p_take_over boolean,
  p_hold_id uuid, p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_id uuid := gen_random_uuid();
  v_ended appointments[];
  v_result json;
BEGIN
  IF p_wanted.practitioner_id = p_wanted.org_id THEN
    PERFORM store_implicit_practitioner(p_wanted.org_id);
  END IF;
  IF p_take_over OR p_hold_id IS NOT NULL THEN
    v_ended := end_holds(p_wanted, p_hold_id, p_lead.phone, p_moment);
  END IF;
  WITH lead AS (
    INSERT INTO leads AS known
      (org_id, name, person, phone, phone_verified, email, birth_date, created_at, updated_at)
    VALUES (p_wanted.org_id, p_lead.name, p_lead.person, p_lead.phone, p_lead.phone_verified,
            p_lead.email, p_lead.birth_date, p_moment, p_moment)
    ON CONFLICT (org_id, phone, person) DO UPDATE
      SET email = coalesce(excluded.email, known.email), updated_at = excluded.updated_at,
        version = known.version + coalesce((excluded.email <> coalesce(known.email, ''))::integer, 0)
    RETURNING id
  ), booked AS (
    INSERT INTO appointments (
      org_id, id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
      blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key,
      request_hash, metadata, created_at, updated_at)
    SELECT
      p_wanted.org_id, v_id, lead.id, p_wanted.practitioner_id, p_wanted.room_id,
      p_wanted.service_type, p_wanted.scheduled_at, p_wanted.ends_at, p_wanted.blocked_from,
      p_wanted.blocked_until, p_wanted.overlap_allowed, p_wanted.source, p_wanted.call_id,
      p_wanted.idempotency_key, p_wanted.request_hash, p_wanted.metadata, p_moment, p_moment
    FROM lead
  ), logged AS (
    INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
    SELECT p_wanted.org_id, 'booked', v_id, lead.id, p_wanted.call_id, p_moment FROM lead
  ), queued AS (
    INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, lapses_at, created_at, updated_at)
    SELECT p_wanted.org_id, v_id, kind, 1, p_moment,
      CASE WHEN kind <> 'calendar' THEN p_wanted.scheduled_at END, p_moment, p_moment
    FROM unnest(ARRAY['calendar', 'sms_confirmation', 'email_confirmation']) AS kind
    WHERE kind <> 'email_confirmation' OR p_lead.email IS NOT NULL
    RETURNING kind, status
  )
  SELECT appointment_result(
    v_id, lead.id, p_wanted.scheduled_at, p_wanted.ends_at, p_wanted.service_type, 'confirmed', 1,
    p_wanted.practitioner_id, p_practitioner_name, p_wanted.room_id,
    (SELECT json_object_agg(kind, status) FROM queued), false, p_moment)
  INTO v_result FROM lead;
  IF v_ended IS NOT NULL THEN
    PERFORM settle_holds(v_ended);
    -- The link to an offer leads to what it became.
    UPDATE appointment_links SET appointment_id = v_id
    WHERE org_id = p_wanted.org_id AND appointment_id = (
      SELECT link.appointment_id
      FROM unnest(v_ended) AS ended
      JOIN appointment_links AS link ON link.org_id = p_wanted.org_id AND link.appointment_id = ended.id
      WHERE ended.contact_id = (v_result ->> 'contact_id')::uuid
        AND ended.service_type = p_wanted.service_type
      LIMIT 1);
  END IF;
  RETURN v_result;
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_appointment FROM PUBLIC;

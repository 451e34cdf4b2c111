-- Purpose: the writes of a booking, all or none: lead, appointment, event, deliveries.
-- Called by book_appointment_atomic under its locks, nowhere else. p_appointment is the row to be,
-- without contact_id; p_lead_id the person, when known.
-- Outcomes: the row; or NULL with nothing written, when a constraint finds the time taken (SQLSTATE
-- 23P01 and only that: a session at REPEATABLE READ can't see whoever came first).
CREATE FUNCTION store_appointment(
  p_appointment appointments, p_lead_id uuid, p_person text, p_phone_verified boolean,
  p_take_over boolean, p_deliveries text[]
) RETURNS appointments
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
  v_new appointments := p_appointment;
BEGIN
  IF v_new.practitioner_id = v_new.org_id THEN
    INSERT INTO practitioners (org_id, id, name, implicit)
    SELECT id, id, name, true FROM organizations WHERE id = v_new.org_id
    ON CONFLICT (org_id, id) DO NOTHING;
  END IF;
  IF p_take_over THEN
    UPDATE appointments SET status = 'expired', version = version + 1, updated_at = v_new.created_at
    WHERE org_id = v_new.org_id AND status = 'held' AND hold_expires_at <= v_new.created_at
      AND blocked && tstzrange(v_new.blocked_from, v_new.blocked_until)
      AND (practitioner_id = v_new.practitioner_id OR room_id = v_new.room_id);
  END IF;
  IF p_lead_id IS NULL THEN
    INSERT INTO leads (org_id, name, person, phone, phone_verified, email, created_at, updated_at)
    VALUES (v_new.org_id, v_new.metadata -> 'patient' ->> 'name', p_person,
            v_new.metadata -> 'patient' ->> 'phone', p_phone_verified,
            v_new.metadata -> 'patient' ->> 'email', v_new.created_at, v_new.created_at)
    ON CONFLICT (org_id, phone, person) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id INTO v_new.contact_id;
  ELSE
    v_new.contact_id := p_lead_id;
    IF v_new.metadata -> 'patient' ? 'email' THEN
      UPDATE leads SET email = v_new.metadata -> 'patient' ->> 'email', updated_at = v_new.created_at
      WHERE org_id = v_new.org_id AND id = p_lead_id
        AND email IS DISTINCT FROM v_new.metadata -> 'patient' ->> 'email';
    END IF;
  END IF;
  WITH booked AS (
    INSERT INTO appointments (
      org_id, id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
      blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key,
      request_hash, metadata, created_at, updated_at)
    VALUES (
      v_new.org_id, v_new.id, v_new.contact_id, v_new.practitioner_id, v_new.room_id,
      v_new.service_type, v_new.scheduled_at, v_new.ends_at, v_new.blocked_from,
      v_new.blocked_until, v_new.overlap_allowed, v_new.source, v_new.call_id,
      v_new.idempotency_key, v_new.request_hash, v_new.metadata, v_new.created_at, v_new.created_at)
  ), logged AS (
    INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
    VALUES (v_new.org_id, 'booked', v_new.id, v_new.contact_id, v_new.call_id, v_new.created_at)
  )
  INSERT INTO deliveries (org_id, appointment_id, kind, version, due_at, created_at)
  SELECT v_new.org_id, v_new.id, kind, 1, v_new.created_at, v_new.created_at
  FROM unnest(p_deliveries) AS kind;
  v_new.status := 'confirmed';
  v_new.version := 1;
  RETURN v_new;
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_appointment FROM PUBLIC;

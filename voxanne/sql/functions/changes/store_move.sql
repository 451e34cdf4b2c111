-- Purpose: the writes of a move, all or none: the row takes its new time and gives up the old one,
-- the event tells both, what was queued for the old time is voided and queued anew.
-- Called by place_appointment under the locks, nowhere else.
-- Outcomes: the appointment's result; or NULL with nothing written, when a constraint finds the time
-- taken.
CREATE FUNCTION store_move(
  p_wanted appointments, p_lead leads, p_practitioner_name text, p_take_over boolean,
  p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_before appointments;
  v_moved appointments;
  v_ended appointments[];
  v_deliveries json;
BEGIN
  IF p_take_over THEN
    v_ended := end_holds(p_wanted, NULL, p_lead.phone, p_moment);
  END IF;
  SELECT * INTO v_before FROM appointments WHERE org_id = p_wanted.org_id AND id = p_wanted.id;
  UPDATE appointments SET
    practitioner_id = p_wanted.practitioner_id, room_id = p_wanted.room_id,
    scheduled_at = p_wanted.scheduled_at, ends_at = p_wanted.ends_at,
    blocked_from = p_wanted.blocked_from, blocked_until = p_wanted.blocked_until,
    overlap_allowed = p_wanted.overlap_allowed, metadata = p_wanted.metadata,
    patient_confirmed_at = NULL,   -- they said so of the old time
    version = version + 1, updated_at = p_moment
  WHERE org_id = p_wanted.org_id AND id = p_wanted.id
  RETURNING * INTO v_moved;
  PERFORM settle_overbooked(v_before.org_id, v_before.practitioner_id, v_before.room_id, v_before.blocked);
  PERFORM settle_holds(v_ended);
  INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, data, created_at)
  VALUES (v_moved.org_id, 'moved', v_moved.id, v_moved.contact_id, p_wanted.call_id,
    jsonb_build_object(
      'from', v_before.scheduled_at, 'to', v_moved.scheduled_at,
      'from_practitioner_id', v_before.practitioner_id,
      'to_practitioner_id', v_moved.practitioner_id, 'version', v_moved.version),
    p_moment);
  v_deliveries := requeue_deliveries(v_moved, 'change', p_moment);
  RETURN appointment_result(
    v_moved.id, v_moved.contact_id, v_moved.scheduled_at, v_moved.ends_at, v_moved.service_type,
    v_moved.status, v_moved.version, v_moved.practitioner_id, p_practitioner_name, v_moved.room_id,
    v_deliveries, false, v_moved.created_at);
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_move FROM PUBLIC;

-- Purpose: the writes of a hold, all or none. With a lead (an offer from the waitlist) it is that
-- person's; otherwise the call's.
-- Called by place_appointment under the locks, nowhere else.
-- Outcomes: the hold's result; or NULL with nothing written, when a constraint finds the time taken.
CREATE FUNCTION store_hold(
  p_wanted appointments, p_lead leads, p_practitioner_name text, p_take_over boolean,
  p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_held appointments;
  v_ended appointments[];
BEGIN
  IF p_wanted.practitioner_id = p_wanted.org_id THEN
    PERFORM store_implicit_practitioner(p_wanted.org_id);
  END IF;
  IF p_take_over THEN
    v_ended := end_holds(p_wanted, NULL, p_lead.phone, p_moment);
  END IF;
  INSERT INTO appointments (
    org_id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at, blocked_from,
    blocked_until, status, hold_expires_at, source, call_id, created_at, updated_at)
  VALUES (
    p_wanted.org_id, p_lead.id, p_wanted.practitioner_id, p_wanted.room_id, p_wanted.service_type,
    p_wanted.scheduled_at, p_wanted.ends_at, p_wanted.blocked_from, p_wanted.blocked_until, 'held',
    p_wanted.hold_expires_at, p_wanted.source, p_wanted.call_id, p_moment, p_moment)
  RETURNING * INTO v_held;
  INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
  VALUES (p_wanted.org_id, 'held', v_held.id, p_lead.id, p_wanted.call_id, p_moment);
  PERFORM settle_holds(v_ended);
  RETURN hold_result(v_held, p_practitioner_name, false);
EXCEPTION
  WHEN exclusion_violation THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION store_hold FROM PUBLIC;

-- Purpose: ends the holds in the way of what is about to be stored: lapsed ones, the caller's own,
-- and the one that was named. Whoever was offered it from the waitlist has what they waited for when
-- the same service is booked by it, and waits on otherwise.
-- Called under the locks of lock_diary.
-- Outcomes: the ended ones, to be given to settle_holds when the new appointment is stored.
CREATE FUNCTION end_holds(
  p_wanted appointments, p_hold_id uuid, p_phone text, p_moment timestamptz
) RETURNS appointments[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_held appointments;
  v_ended appointments[] := '{}';
BEGIN
  FOR v_held IN
    SELECT * FROM appointments
    WHERE org_id = p_wanted.org_id AND status = 'held'
      AND (id = p_hold_id OR (
        blocked && tstzrange(p_wanted.blocked_from, p_wanted.blocked_until) AND NOT overlap_allowed
        AND (practitioner_id = p_wanted.practitioner_id OR room_id = p_wanted.room_id)
        AND (hold_expires_at <= p_moment
             OR is_own_hold(appointments, p_hold_id, p_wanted.call_id, p_phone))))
    FOR UPDATE
  LOOP
    UPDATE appointments SET status = 'expired', version = version + 1, updated_at = p_moment
    WHERE org_id = v_held.org_id AND id = v_held.id;
    UPDATE deliveries SET status = 'voided'
    WHERE org_id = v_held.org_id AND subject_id = v_held.id AND status = 'queued';
    UPDATE waitlist
    SET status = CASE
        WHEN is_own_hold(v_held, p_hold_id, p_wanted.call_id, p_phone) AND p_wanted.status = 'confirmed'
          AND p_wanted.service_type = v_held.service_type THEN 'booked'
        ELSE 'waiting' END,
      held_appointment_id = NULL, version = version + 1, updated_at = p_moment
    WHERE org_id = v_held.org_id AND held_appointment_id = v_held.id;
    v_ended := v_ended || v_held;
  END LOOP;
  RETURN v_ended;
END $$;
REVOKE ALL ON FUNCTION end_holds FROM PUBLIC;

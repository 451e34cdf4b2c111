-- Purpose: ends the holds in the way of what is about to be stored: lapsed ones, the caller's own,
-- and the one that was named. An offer from the waitlist that was the caller's own is booked with it;
-- one that had lapsed waits again.
-- Called under the locks of lock_diary.
CREATE FUNCTION end_holds(
  p_wanted appointments, p_hold_id uuid, p_phone text, p_moment timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_held appointments;
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
    UPDATE waitlist
    SET status = CASE WHEN v_held.hold_expires_at > p_moment THEN 'booked' ELSE 'waiting' END,
      held_appointment_id = NULL, version = version + 1, updated_at = p_moment
    WHERE org_id = v_held.org_id AND held_appointment_id = v_held.id;
    IF NOT v_held.blocked && tstzrange(p_wanted.blocked_from, p_wanted.blocked_until) THEN
      PERFORM settle_overbooked(v_held.org_id, v_held.practitioner_id, v_held.room_id, v_held.blocked);
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION end_holds FROM PUBLIC;

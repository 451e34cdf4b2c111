-- Purpose: ends one hold that nobody used: its time is free at once.
-- Called under the locks of lock_diary where the time is given to somebody else.
CREATE FUNCTION free_hold(p_hold appointments, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE appointments SET status = 'expired', version = version + 1, updated_at = p_moment
  WHERE org_id = p_hold.org_id AND id = p_hold.id AND status = 'held';
  IF FOUND THEN
    PERFORM settle_overbooked(p_hold.org_id, p_hold.practitioner_id, p_hold.room_id, p_hold.blocked);
    INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
    VALUES (p_hold.org_id, 'released', p_hold.id, p_hold.contact_id, p_hold.call_id, p_moment);
  END IF;
END $$;
REVOKE ALL ON FUNCTION free_hold FROM PUBLIC;

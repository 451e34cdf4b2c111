-- Purpose: an offer wasn't taken: its hold ends, what was queued for it is voided, the entry gets
-- p_status ('waiting' or 'left'), and the time goes to the next who waits.
-- Lock order: that of lock_diary, then the entry's row.
-- Outcomes: false when there was no offer (any more).
CREATE FUNCTION end_offer(p_org_id uuid, p_waitlist_id uuid, p_status text, p_lapsed_only boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_held uuid;
  v_entry waitlist;
  v_hold appointments;
  v_now timestamptz;
BEGIN
  SELECT held_appointment_id INTO v_held FROM waitlist WHERE org_id = p_org_id AND id = p_waitlist_id;
  IF v_held IS NULL THEN
    RETURN false;
  END IF;
  v_hold := lock_appointment(p_org_id, v_held, NULL, '{}');
  SELECT * INTO v_entry FROM waitlist
  WHERE org_id = p_org_id AND id = p_waitlist_id AND held_appointment_id = v_held FOR UPDATE;
  v_now := current_moment();
  IF NOT FOUND OR p_lapsed_only AND v_hold.status = 'held' AND v_hold.hold_expires_at > v_now THEN
    RETURN false;
  END IF;
  PERFORM free_hold(v_hold, v_now);
  UPDATE deliveries SET status = 'voided'
  WHERE org_id = p_org_id AND subject_id = v_held AND status = 'queued';
  UPDATE waitlist
  SET status = p_status, held_appointment_id = NULL, version = version + 1, updated_at = v_now
  WHERE org_id = p_org_id AND id = p_waitlist_id;
  PERFORM offer_freed_time(v_hold, v_now);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION end_offer FROM PUBLIC;

-- Purpose: does anything live keep this time of the practitioner, or of the room?
-- Guarantees: sees what the constraints see, and what staff overbooked.
-- Outcomes: NULL: free; true: taken; false: kept only by holds that had lapsed at p_moment or are the
-- caller's own, to be ended. Without a moment (before the locks) holds are not judged.
CREATE FUNCTION slot_taken(
  p_org_id uuid, p_practitioner_id uuid, p_room_id uuid, p_blocked tstzrange, p_moment timestamptz,
  p_hold_id uuid, p_call_id text, p_phone text,
  p_except uuid                         -- an appointment that is about to move away
) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_taken boolean;
  v_own boolean;                        -- the caller holds all of it, and did before any overbooking
BEGIN
  SELECT bool_or(status = 'confirmed' OR (
      hold_expires_at > p_moment AND NOT is_own_hold(appointments, p_hold_id, p_call_id, p_phone))),
    bool_or(hold_expires_at > p_moment AND blocked @> p_blocked
      AND is_own_hold(appointments, p_hold_id, p_call_id, p_phone))
  INTO v_taken, v_own
  FROM appointments
  WHERE org_id = p_org_id AND practitioner_id = p_practitioner_id AND blocked && p_blocked
    AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND id IS DISTINCT FROM p_except;
  IF v_taken OR v_own IS NOT TRUE AND EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = p_practitioner_id AND blocked && p_blocked
        AND status IN ('held', 'confirmed') AND overlap_allowed AND id IS DISTINCT FROM p_except) THEN
    RETURN true;
  END IF;
  IF p_room_id IS NOT NULL THEN
    IF v_own IS NOT TRUE AND EXISTS (
        SELECT FROM appointments
        WHERE org_id = p_org_id AND room_id = p_room_id AND blocked && p_blocked
          AND status IN ('held', 'confirmed') AND overlap_allowed AND id IS DISTINCT FROM p_except) THEN
      RETURN true;
    END IF;
    SELECT coalesce(bool_or(status = 'confirmed' OR (
      hold_expires_at > p_moment AND NOT is_own_hold(appointments, p_hold_id, p_call_id, p_phone))),
      v_taken)
    INTO v_taken FROM appointments
    WHERE org_id = p_org_id AND room_id = p_room_id AND blocked && p_blocked
      AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND id IS DISTINCT FROM p_except;
  END IF;
  RETURN v_taken;
END $$;
REVOKE ALL ON FUNCTION slot_taken FROM PUBLIC;

-- Purpose: does anything live keep this time of the practitioner, or of the room?
-- Guarantees: sees what the constraints see, and what staff overbooked.
-- Outcomes: NULL: free; true: taken; false: kept only by holds that had lapsed at p_moment, to be
-- taken over. Without a moment (before the locks) holds are not judged.
CREATE FUNCTION slot_taken(
  p_org_id uuid, p_practitioner_id uuid, p_room_id uuid, p_blocked tstzrange, p_moment timestamptz
) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_taken boolean;
BEGIN
  SELECT bool_or(status = 'confirmed' OR hold_expires_at > p_moment) INTO v_taken
  FROM appointments
  WHERE org_id = p_org_id AND practitioner_id = p_practitioner_id AND blocked && p_blocked
    AND status IN ('held', 'confirmed') AND NOT overlap_allowed;
  IF v_taken OR EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = p_practitioner_id
        AND blocked && p_blocked AND status IN ('held', 'confirmed') AND overlap_allowed) THEN
    RETURN true;
  END IF;
  IF p_room_id IS NOT NULL THEN
    IF EXISTS (
        SELECT FROM appointments
        WHERE org_id = p_org_id AND room_id = p_room_id
          AND blocked && p_blocked AND status IN ('held', 'confirmed') AND overlap_allowed) THEN
      RETURN true;
    END IF;
    SELECT coalesce(bool_or(status = 'confirmed' OR hold_expires_at > p_moment), v_taken)
    INTO v_taken FROM appointments
    WHERE org_id = p_org_id AND room_id = p_room_id AND blocked && p_blocked
      AND status IN ('held', 'confirmed') AND NOT overlap_allowed;
  END IF;
  RETURN v_taken;
END $$;
REVOKE ALL ON FUNCTION slot_taken FROM PUBLIC;

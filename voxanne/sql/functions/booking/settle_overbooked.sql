-- Purpose: after a live appointment has left this time, those that staff had put over it come under
-- the constraints again, as far as nothing else is in their way.
-- Called under the locks of lock_diary.
CREATE FUNCTION settle_overbooked(
  p_org_id uuid, p_practitioner_id uuid, p_room_id uuid, p_blocked tstzrange
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_over appointments;
BEGIN
  FOR v_over IN
    SELECT * FROM appointments
    WHERE org_id = p_org_id AND overlap_allowed AND status IN ('held', 'confirmed')
      AND (practitioner_id = p_practitioner_id OR room_id = p_room_id) AND blocked && p_blocked
    ORDER BY created_at, id
  LOOP
    CONTINUE WHEN EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = v_over.practitioner_id
        AND blocked && v_over.blocked AND status IN ('held', 'confirmed') AND NOT overlap_allowed);
    CONTINUE WHEN v_over.room_id IS NOT NULL AND EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_org_id AND room_id = v_over.room_id
        AND blocked && v_over.blocked AND status IN ('held', 'confirmed') AND NOT overlap_allowed);
    UPDATE appointments SET overlap_allowed = false WHERE org_id = p_org_id AND id = v_over.id;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION settle_overbooked FROM PUBLIC;

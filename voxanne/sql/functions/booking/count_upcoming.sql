-- Purpose: how many live appointments are still to come: of the clinic, or of one practitioner,
-- room or service.
CREATE FUNCTION count_upcoming(
  p_org_id uuid, p_practitioner_id uuid, p_room_id uuid, p_service_type text
) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  RETURN (
    SELECT count(*) FROM appointments
    WHERE org_id = p_org_id AND scheduled_at > v_now
      AND (status = 'confirmed' OR status = 'held' AND hold_expires_at > v_now)
      AND (p_practitioner_id IS NULL OR practitioner_id = p_practitioner_id)
      AND (p_room_id IS NULL OR room_id = p_room_id)
      AND (p_service_type IS NULL OR service_type = p_service_type));
END $$;
REVOKE ALL ON FUNCTION count_upcoming FROM PUBLIC;

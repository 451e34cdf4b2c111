-- Purpose: the hold a caller speaks of: the one named, else the call's own for that start.
-- Outcomes: NULL when there is none.
CREATE FUNCTION find_hold(
  p_org_id uuid, p_hold_id uuid, p_call_id text, p_scheduled_at timestamptz, p_moment timestamptz
) RETURNS appointments
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_hold appointments;
BEGIN
  IF p_hold_id IS NOT NULL THEN
    SELECT * INTO v_hold FROM appointments
    WHERE org_id = p_org_id AND id = p_hold_id AND hold_expires_at IS NOT NULL;
  ELSE
    SELECT * INTO v_hold FROM appointments
    WHERE org_id = p_org_id AND call_id = p_call_id AND status = 'held'
      AND hold_expires_at > p_moment AND scheduled_at = p_scheduled_at
    ORDER BY created_at LIMIT 1;
  END IF;
  RETURN CASE WHEN v_hold.id IS NOT NULL THEN v_hold END;
END $$;
REVOKE ALL ON FUNCTION find_hold FROM PUBLIC;

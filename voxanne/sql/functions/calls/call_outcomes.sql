-- Purpose: what came of a call: any of booked, moved, cancelled, message, waitlist; empty for nothing.
CREATE FUNCTION call_outcomes(p_org_id uuid, p_call_id text) RETURNS text[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN ARRAY(
    SELECT 'booked' WHERE EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_org_id AND call_id = p_call_id AND status NOT IN ('held', 'expired'))
    UNION ALL
    SELECT DISTINCT CASE kind WHEN 'message_taken' THEN 'message' WHEN 'waitlist_joined' THEN 'waitlist' ELSE kind END
    FROM events
    WHERE org_id = p_org_id AND call_id = p_call_id AND kind <> 'booked'
      AND kind IN ('moved', 'cancelled', 'message_taken', 'waitlist_joined'));
END $$;
REVOKE ALL ON FUNCTION call_outcomes FROM PUBLIC;

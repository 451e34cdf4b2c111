-- Purpose: calls in which something was booked lately and of which no report came yet: they get a record,
--   so that it can say that nothing more is wanted of them (record_voice_message).
-- Called by erase_person, before what was said goes.
CREATE FUNCTION note_running_calls(p_org_id uuid, p_appointments uuid[], p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_reported_within constant interval := '1 day';
BEGIN
  INSERT INTO calls (org_id, call_id, started_at)
  SELECT p_org_id, call_id, min(created_at) FROM appointments
  WHERE org_id = p_org_id AND id = ANY (p_appointments) AND source = 'voice'
    AND length(call_id) BETWEEN 1 AND 200 AND created_at > p_moment - c_reported_within
  GROUP BY call_id
  ON CONFLICT DO NOTHING;
END $$;
REVOKE ALL ON FUNCTION note_running_calls FROM PUBLIC;

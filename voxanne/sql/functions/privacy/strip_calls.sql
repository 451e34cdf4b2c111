-- Purpose: what was said in calls goes; that they were, when, how long and what came of them stays.
-- p_leads: whose name and number go from them as well; where the caller is nobody known, the number goes.
-- Guarantees: a report that comes late brings nothing back (record_voice_message).
-- Outcomes: how many records of calls were changed.
CREATE FUNCTION strip_calls(p_org_id uuid, p_calls text[], p_leads uuid[], p_moment timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_stripped integer;
BEGIN
  UPDATE calls SET
    lead_id = CASE WHEN lead_id <> ALL (p_leads) THEN lead_id END,
    caller_phone = CASE WHEN lead_id IS NOT NULL AND lead_id <> ALL (p_leads) THEN caller_phone END,
    transcript = NULL, summary = NULL, recording_url = NULL, structured = '{}', promise_findings = '[]',
    sentiment = NULL, urgency = NULL,
    promise = CASE WHEN promise = 'unchecked' THEN 'none' ELSE promise END,   -- nothing is left to check
    promise_due_at = NULL, stripped_at = p_moment
  WHERE org_id = p_org_id AND call_id = ANY (p_calls);
  GET DIAGNOSTICS v_stripped = ROW_COUNT;
  -- After the calls' rows are locked: record_voice_message waits for them.
  DELETE FROM voice_messages WHERE org_id = p_org_id AND call_id = ANY (p_calls);
  RETURN v_stripped;
END $$;
REVOKE ALL ON FUNCTION strip_calls FROM PUBLIC;

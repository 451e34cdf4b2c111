-- Purpose: everything a clinic knows of one call: what was said, done and promised in it.
-- Outcomes: {"success", "call", "appointments", "messages"}; NOT_FOUND.
CREATE FUNCTION call_view(p_org_id uuid, p_call_id text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_rows_max constant integer := 50;
  v_call calls;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_call FROM calls WHERE org_id = p_org_id AND call_id = p_call_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object(
    'success', true,
    'call', call_line(v_call) || jsonb_build_object(
      'transcript', v_call.transcript, 'transcript_cut', v_call.transcript_cut, 'summary', v_call.summary,
      'recording_url', v_call.recording_url, 'tools', v_call.tools,
      'promise_findings', v_call.promise_findings, 'promise_checked_at', v_call.promise_checked_at),
    'appointments', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'appointment_id', id, 'scheduled_at', scheduled_at, 'status', status,
        'service', coalesce((
          SELECT name FROM services WHERE org_id = p_org_id AND key = service_type), service_type),
        'booked_here', coalesce(call_id = p_call_id, false)) ORDER BY scheduled_at, id), '[]')
      FROM (
        SELECT * FROM appointments
        WHERE org_id = p_org_id AND status NOT IN ('held', 'expired') AND id IN (
          SELECT id FROM appointments WHERE org_id = p_org_id AND call_id = p_call_id
          UNION ALL
          SELECT appointment_id FROM events
          WHERE org_id = p_org_id AND call_id = p_call_id AND kind IN ('moved', 'cancelled'))
        ORDER BY scheduled_at, id LIMIT c_rows_max) AS touched),
    'messages', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'message_id', messages.id, 'body', body, 'urgency', urgency, 'status', messages.status)
        ORDER BY messages.created_at), '[]')
      FROM messages
      WHERE org_id = p_org_id AND id IN (
        SELECT (data ->> 'message_id')::uuid FROM events
        WHERE org_id = p_org_id AND call_id = p_call_id AND kind = 'message_taken' LIMIT c_rows_max)));
END $$;
REVOKE ALL ON FUNCTION call_view FROM PUBLIC;
GRANT EXECUTE ON FUNCTION call_view TO voxanne_api;

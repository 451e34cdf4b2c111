-- Purpose: a call as a line of a list: everything but what was said.
CREATE FUNCTION call_line(p_call calls) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'call_id', p_call.call_id, 'caller_phone', p_call.caller_phone, 'our_number', p_call.our_number,
    'source', p_call.source, 'language', p_call.language, 'status', p_call.status,
    'started_at', p_call.started_at, 'ended_at', p_call.ended_at, 'end_reason', p_call.end_reason,
    'cost_usd', p_call.cost_usd, 'latency_ms', p_call.latency_ms, 'sentiment', p_call.sentiment,
    'urgency', p_call.urgency, 'promise', p_call.promise, 'reported_at', p_call.reported_at,
    'outcomes', to_jsonb(call_outcomes(p_call.org_id, p_call.call_id)),
    'lead', (
      SELECT jsonb_build_object('lead_id', id, 'name', name) FROM leads
      WHERE org_id = p_call.org_id AND id = p_call.lead_id));
END $$;
REVOKE ALL ON FUNCTION call_line FROM PUBLIC;

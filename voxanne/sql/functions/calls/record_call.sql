-- Purpose: one row per call, of all that its platform reports about it. p_report is what
--   inbound/voice/call_reports.py read: what isn't known is left out.
-- Guarantees: once it has ended, nothing that comes late makes it go on; what a later report leaves out
--   stays; the report that changes what was said is checked against the diary anew; one event tells that
--   it ended, one that its report came. p_newest: nothing newer of this type came before.
-- Lock order: the call's row alone, after the holds' locks (record_voice_message.sql).
CREATE FUNCTION record_call(
  p_org_id uuid, p_call_id text, p_type text, p_newest boolean, p_report jsonb
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_future_max constant interval := '1 day';   -- by which a platform's clock may be ahead
  c_settle constant interval := '30 seconds';  -- in which a booking under way is committed
  v_now timestamptz := current_moment();
  v_caller text := normalize_phone(p_report ->> 'caller');
  v_started_at timestamptz := p_report ->> 'started_at';
  v_ended_at timestamptz := p_report ->> 'ended_at';
  v_is_report boolean := p_type = 'end-of-call-report' AND p_newest;
  v_ends boolean := v_is_report OR coalesce(p_type = 'status-update' AND p_report ->> 'status' = 'ended', false);
  v_before calls;
  v_call calls;
BEGIN
  IF v_started_at > v_now + c_future_max THEN
    v_started_at := NULL;
  END IF;
  IF v_ended_at > v_now + c_future_max THEN
    v_ended_at := NULL;
  END IF;
  INSERT INTO calls (
    org_id, call_id, caller_phone, our_number, source, language, started_at, created_at, updated_at)
  VALUES (
    p_org_id, p_call_id, v_caller, p_report ->> 'our_number', coalesce(p_report ->> 'source', 'inbound'),
    p_report ->> 'language', coalesce(v_started_at, least(v_ended_at, v_now)), v_now, v_now)
  ON CONFLICT (org_id, call_id) DO NOTHING;
  IF NOT FOUND AND p_type NOT IN ('status-update', 'end-of-call-report', 'language-change-detected') THEN
    RETURN;
  END IF;
  SELECT * INTO v_before FROM calls WHERE org_id = p_org_id AND call_id = p_call_id FOR UPDATE;
  v_call := v_before;
  v_call.caller_phone := coalesce(v_before.caller_phone, v_caller);
  v_call.our_number := coalesce(v_before.our_number, p_report ->> 'our_number');
  v_call.language := coalesce(p_report ->> 'language', v_before.language);
  IF v_before.reported_at IS NULL OR v_is_report THEN
    v_call.started_at := coalesce(v_started_at, v_before.started_at);
  END IF;
  IF v_ends THEN
    v_call.status := 'ended';
    v_call.ended_at := greatest(coalesce(v_ended_at, v_before.ended_at, v_now), v_call.started_at);
    v_call.end_reason := coalesce(p_report ->> 'end_reason', v_before.end_reason);
  ELSIF v_before.status <> 'ended' AND p_newest THEN
    v_call.status := coalesce(p_report ->> 'status', v_before.status);
  END IF;
  IF v_is_report THEN
    v_call.reported_at := v_now;
    v_call.transcript := coalesce(p_report ->> 'transcript', v_before.transcript);
    v_call.transcript_cut := coalesce((p_report -> 'transcript_cut')::boolean, v_before.transcript_cut);
    v_call.summary := coalesce(p_report ->> 'summary', v_before.summary);
    v_call.recording_url := coalesce(p_report ->> 'recording_url', v_before.recording_url);
    v_call.cost_usd := coalesce((p_report -> 'cost_usd')::numeric, v_before.cost_usd);
    v_call.latency_ms := coalesce((p_report -> 'latency_ms')::integer, v_before.latency_ms);
    v_call.sentiment := coalesce(p_report ->> 'sentiment', v_before.sentiment);
    v_call.urgency := coalesce(p_report ->> 'urgency', v_before.urgency);
    v_call.tools := coalesce(p_report -> 'tools', v_before.tools);
    v_call.structured := coalesce(p_report -> 'structured', v_before.structured);
    IF v_before.reported_at IS NULL OR v_call.structured <> v_before.structured
       OR v_call.transcript IS DISTINCT FROM v_before.transcript THEN
      v_call.promise := 'unchecked';
      v_call.promise_due_at := v_now + c_settle;
    END IF;
  END IF;
  v_call.lead_id := coalesce(call_lead(p_org_id, p_call_id, v_call.caller_phone), v_before.lead_id);
  UPDATE calls SET
    lead_id = v_call.lead_id, caller_phone = v_call.caller_phone, our_number = v_call.our_number,
    language = v_call.language, status = v_call.status, started_at = v_call.started_at,
    ended_at = v_call.ended_at, end_reason = v_call.end_reason, transcript = v_call.transcript,
    transcript_cut = v_call.transcript_cut, summary = v_call.summary,
    recording_url = v_call.recording_url, cost_usd = v_call.cost_usd, latency_ms = v_call.latency_ms,
    sentiment = v_call.sentiment, urgency = v_call.urgency, tools = v_call.tools,
    structured = v_call.structured, reported_at = v_call.reported_at, promise = v_call.promise,
    promise_due_at = v_call.promise_due_at, updated_at = v_now
  WHERE org_id = p_org_id AND call_id = p_call_id;
  INSERT INTO events (org_id, kind, lead_id, call_id, data, created_at)
  SELECT p_org_id, kind, v_call.lead_id, p_call_id, '{}', v_now
  FROM (VALUES ('call_ended', v_before.ended_at IS NULL AND v_call.ended_at IS NOT NULL),
               ('call_reported', v_before.reported_at IS NULL AND v_call.reported_at IS NOT NULL)) AS told (kind, now)
  WHERE told.now;
END $$;
REVOKE ALL ON FUNCTION record_call FROM PUBLIC;

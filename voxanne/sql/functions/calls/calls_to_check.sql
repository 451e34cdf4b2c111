-- Purpose: takes calls that are over and whose promises nobody has compared with the diary yet, for
--   p_lease_seconds: what was said, and what the diary had at the end.
-- Guarantees: nobody else is given the same call while the lease lasts; whom a call was with is found
--   anew first, since its booking may have come after its report.
-- Lock order: the calls' rows, skipping locked ones.
-- Outcomes: {"success", "timezone", "country", "calls": [{"call_id", "reported_at", "started_at",
--   "language", "transcript", "transcript_cut", "structured", "ledger"}]}.
CREATE FUNCTION calls_to_check(
  p_org_id uuid, p_limit integer DEFAULT 20, p_lease_seconds integer DEFAULT 120
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_taken json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  WITH due AS (
    SELECT call_id FROM calls
    WHERE org_id = p_org_id AND promise_due_at <= v_now
    ORDER BY promise_due_at LIMIT least(p_limit, 100)
    FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE calls SET
      promise_due_at = v_now + make_interval(secs => p_lease_seconds),
      lead_id = coalesce(call_lead(p_org_id, calls.call_id, caller_phone), lead_id)
    FROM due
    WHERE calls.org_id = p_org_id AND calls.call_id = due.call_id
    RETURNING calls AS call
  )
  SELECT json_agg(json_build_object(
      'call_id', (call).call_id, 'reported_at', (call).reported_at, 'started_at', (call).started_at,
      'language', (call).language, 'transcript', (call).transcript,
      'transcript_cut', (call).transcript_cut, 'structured', (call).structured,
      'ledger', call_ledger(call)))
  INTO v_taken FROM taken;
  RETURN (
    SELECT json_build_object('success', true, 'timezone', timezone, 'country', country,
                             'calls', coalesce(v_taken, '[]'))
    FROM organizations WHERE id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION calls_to_check FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calls_to_check TO voxanne_api;

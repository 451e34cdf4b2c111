-- Purpose: writes down what the check of a call found; a mismatch alerts staff.
-- Guarantees: of two who checked the same call one writes; a call that was reported anew in between is
--   left to be checked anew.
-- Lock order: the call's row.
-- Outcomes: true when it was written.
CREATE FUNCTION finish_promise_check(
  p_org_id uuid, p_call_id text, p_reported_at timestamptz, p_promise text, p_findings jsonb
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN false;
  END IF;
  UPDATE calls SET
    promise = p_promise, promise_findings = p_findings, promise_checked_at = v_now, promise_due_at = NULL,
    updated_at = v_now
  WHERE org_id = p_org_id AND call_id = p_call_id AND reported_at = p_reported_at
    AND promise_due_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_promise = 'mismatch' THEN
    PERFORM store_alert(p_org_id, 'promise_mismatch', p_call_id, NULL, NULL, v_now);
  END IF;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION finish_promise_check FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finish_promise_check TO voxanne_api;

-- Purpose: what became of an attempt.
-- p_attempt: the claim's; an attempt whose lease ran out and that somebody else has now changes nothing.
-- p_status: 'sent' (the vendor has it), 'delivered', 'failed', 'voided'; or 'queued': again in
--   p_retry_seconds ('infinity': parked), unless a newer version overtook it, then it is voided; or
--   'postponed': the same, and the attempt doesn't count as a try.
-- p_uncertain: it may have got there; the next attempt finds out first.
-- Outcomes: whether it was still the caller's to say.
CREATE FUNCTION finish_delivery(
  p_org_id uuid, p_subject_id uuid, p_kind text, p_version integer, p_attempt integer, p_status text,
  p_external_id text DEFAULT NULL, p_error_code text DEFAULT NULL, p_error text DEFAULT NULL,
  p_retry_seconds double precision DEFAULT 0, p_uncertain boolean DEFAULT false
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_waits boolean := p_status IN ('queued', 'postponed');
  v_finished deliveries;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN false;
  END IF;
  UPDATE deliveries SET
    status = CASE
      WHEN v_waits AND NOT p_uncertain AND EXISTS (
        SELECT FROM deliveries AS newer
        WHERE newer.org_id = p_org_id AND newer.subject_id = p_subject_id
          AND newer.channel = deliveries.channel AND newer.version > p_version) THEN 'voided'
      WHEN v_waits THEN 'queued'
      ELSE p_status END,
    attempts_forgiven = attempts_forgiven + (p_status = 'postponed')::integer,
    external_id = coalesce(left(p_external_id, 1100), external_id),
    -- Too long is better cut than a row that can't be settled.
    error_code = left(p_error_code, 50),
    error = left(p_error, 500),
    uncertain = p_uncertain,
    due_at = CASE WHEN NOT v_waits THEN v_now
                  WHEN p_retry_seconds = 'infinity' THEN 'infinity'
                  ELSE v_now + make_interval(secs => p_retry_seconds) END,
    updated_at = v_now
  WHERE org_id = p_org_id AND subject_id = p_subject_id AND kind = p_kind AND version = p_version
    AND status || '' = 'sending' AND attempts = p_attempt   -- by its key, not by deliveries_due
  RETURNING * INTO v_finished;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM record_delivery(v_finished, v_now);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION finish_delivery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finish_delivery TO voxanne_api;

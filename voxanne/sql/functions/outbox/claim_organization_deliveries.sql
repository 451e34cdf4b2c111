-- Purpose: takes what one organization has to deliver in a channel, for p_lease_seconds.
-- Guarantees: nobody else is given the same delivery while the lease lasts; of a subject's deliveries
--   in a channel the older comes first, and the next not before that one is settled; never more than
--   p_in_flight_max of them at once, over all workers; what is too late, or was overtaken by a newer
--   version, is voided and not given out, unless it may be out already.
-- Cost: that of what it takes, however much waits (tests/sql/test_outbox_plans.py).
-- Lock order: the organization's channel, tried, not waited for; then the rows, skipping locked ones.
-- Outcomes: {"organization", "voided", "deliveries": [{"subject_id", "kind", "version", "attempt",
--   "tries", "uncertain", "stale", …, "details"}]}: `attempt` fences the lease, `tries` counts towards
--   giving up, `uncertain`: an earlier attempt may have got there; `stale`: only that is left to find
--   out. `voided` is how many were.
CREATE FUNCTION claim_organization_deliveries(
  p_org_id uuid, p_channel text, p_limit integer, p_in_flight_max integer, p_lease_seconds integer
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_channel constant bigint := 5;       -- lock_diary has the seeds 1 to 4
  v_now timestamptz;
  v_lease_ends timestamptz;
  v_free integer;
  v_deliveries json;
  v_voided integer;
BEGIN
  IF claim_forbids(p_org_id)
     OR NOT pg_try_advisory_xact_lock(hashtextextended(p_org_id::text || p_channel, c_channel)) THEN
    RETURN json_build_object('organization', NULL, 'voided', 0, 'deliveries', '[]'::json);
  END IF;
  v_now := current_moment();
  v_lease_ends := v_now + make_interval(secs => p_lease_seconds);
  v_free := least(p_limit, p_in_flight_max - (
    SELECT count(*) FROM deliveries
    WHERE org_id = p_org_id AND channel = p_channel AND status = 'sending'
      AND due_at > v_now AND due_at <= v_lease_ends));
  WITH due AS (
    SELECT subject_id, kind, version, uncertain, coalesce(lapses_at <= v_now, false) OR EXISTS (
        SELECT FROM deliveries AS newer
        WHERE newer.org_id = p_org_id AND newer.subject_id = waiting.subject_id
          AND newer.channel = waiting.channel AND newer.version > waiting.version) AS stale
    FROM deliveries AS waiting
    WHERE org_id = p_org_id AND channel = p_channel AND status IN ('queued', 'sending')
      AND due_at <= v_now
      AND NOT EXISTS (
        SELECT FROM deliveries AS older
        WHERE older.org_id = p_org_id AND older.subject_id = waiting.subject_id
          AND older.channel = waiting.channel
          AND older.status || '' IN ('queued', 'sending')   -- by the subject's key, not by deliveries_due
          AND (older.version, older.created_at, older.kind)
            < (waiting.version, waiting.created_at, waiting.kind))
    ORDER BY due_at
    LIMIT greatest(v_free, 0)
    FOR UPDATE SKIP LOCKED
  ), voided AS (
    UPDATE deliveries SET
      status = 'voided', error_code = 'too_late', error = 'It was too late, or overtaken by a change.',
      due_at = v_now, updated_at = v_now
    FROM due
    WHERE stale AND NOT due.uncertain AND deliveries.org_id = p_org_id
      AND deliveries.subject_id = due.subject_id
      AND deliveries.kind = due.kind AND deliveries.version = due.version
    RETURNING 1
  ), claimed AS (
    UPDATE deliveries SET
      status = 'sending', attempts = attempts + 1, uncertain = true,
      due_at = v_lease_ends, updated_at = v_now
    FROM due
    WHERE (due.uncertain OR NOT stale) AND deliveries.org_id = p_org_id
      AND deliveries.subject_id = due.subject_id
      AND deliveries.kind = due.kind AND deliveries.version = due.version
    RETURNING deliveries AS delivery, due.uncertain, stale
  )
  SELECT json_agg(json_build_object(
      'subject_id', (delivery).subject_id, 'kind', (delivery).kind, 'version', (delivery).version,
      'attempt', (delivery).attempts, 'tries', (delivery).attempts - (delivery).attempts_forgiven,
      'uncertain', uncertain, 'stale', stale,
      'created_at', (delivery).created_at, 'lapses_at', (delivery).lapses_at,
      'waited_seconds', extract(epoch FROM v_now - (delivery).created_at),
      'external_id', (delivery).external_id, 'details', delivery_details(delivery))
    ORDER BY (delivery).created_at), (SELECT count(*) FROM voided)
  INTO v_deliveries, v_voided
  FROM claimed;
  RETURN json_build_object(
    'organization', CASE WHEN v_deliveries IS NOT NULL THEN delivering_organization(p_org_id) END,
    'voided', v_voided,
    'deliveries', coalesce(v_deliveries, '[]'));
END $$;
REVOKE ALL ON FUNCTION claim_organization_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_organization_deliveries TO voxanne_api;

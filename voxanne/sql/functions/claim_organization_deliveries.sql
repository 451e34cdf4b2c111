-- Purpose: takes what one organization has to deliver in a channel, for p_lease_seconds.
-- Guarantees: nobody else is given the same delivery while the lease lasts; of an appointment's
--   deliveries in a channel the older comes first, and the next not before that one is settled;
--   never more than p_in_flight_max of them at once, over all workers; what is too late, or was
--   overtaken by a newer version, is voided and not given out, unless it may be out already.
-- Lock order: the organization's channel, tried, not waited for; then the rows, skipping locked ones.
-- Outcomes: {"organization", "deliveries": [{"subject_id", "kind", "version", "attempt", "tries",
--   "uncertain", "stale", …, "details"}]}: `attempt` fences the lease, `tries` counts towards giving
--   up, `uncertain`: an earlier attempt may have got there; `stale`: only that is left to find out.
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
  v_free integer;
  v_deliveries json;
BEGIN
  IF claim_forbids(p_org_id)
     OR NOT pg_try_advisory_xact_lock(hashtextextended(p_org_id::text || p_channel, c_channel)) THEN
    RETURN json_build_object('organization', NULL, 'deliveries', '[]'::json);
  END IF;
  v_now := current_moment();
  v_free := least(p_limit, p_in_flight_max - (
    SELECT count(*) FROM deliveries
    WHERE org_id = p_org_id AND channel = p_channel AND status = 'sending' AND due_at > v_now));
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
          AND older.channel = waiting.channel AND older.status IN ('queued', 'sending')
          AND (older.version, older.created_at, older.kind)
            < (waiting.version, waiting.created_at, waiting.kind))
    ORDER BY due_at, created_at
    LIMIT greatest(v_free, 0)
    FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE deliveries SET
      status = CASE WHEN stale AND NOT due.uncertain THEN 'voided' ELSE 'sending' END,
      error_code = CASE WHEN stale AND NOT due.uncertain THEN 'too_late' ELSE deliveries.error_code END,
      attempts = attempts + 1,
      uncertain = NOT (stale AND NOT due.uncertain),
      due_at = v_now + make_interval(secs => p_lease_seconds),
      updated_at = v_now
    FROM due
    WHERE deliveries.org_id = p_org_id AND deliveries.subject_id = due.subject_id
      AND deliveries.kind = due.kind AND deliveries.version = due.version
    RETURNING deliveries, due.uncertain, stale IS TRUE AS stale
  )
  SELECT json_agg(json_build_object(
      'subject_id', (claimed.deliveries).subject_id, 'kind', (claimed.deliveries).kind,
      'version', (claimed.deliveries).version, 'attempt', (claimed.deliveries).attempts,
      'tries', (claimed.deliveries).attempts - (claimed.deliveries).attempts_forgiven,
      'uncertain', claimed.uncertain, 'stale', claimed.stale,
      'created_at', (claimed.deliveries).created_at, 'lapses_at', (claimed.deliveries).lapses_at,
      'external_id', (claimed.deliveries).external_id,
      'details', delivery_details(claimed.deliveries))
    ORDER BY (claimed.deliveries).created_at)
  INTO v_deliveries
  FROM claimed
  WHERE (claimed.deliveries).status = 'sending';
  RETURN json_build_object(
    'organization', CASE WHEN v_deliveries IS NOT NULL THEN delivering_organization(p_org_id) END,
    'deliveries', coalesce(v_deliveries, '[]'));
END $$;
REVOKE ALL ON FUNCTION claim_organization_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_organization_deliveries TO voxanne_api;

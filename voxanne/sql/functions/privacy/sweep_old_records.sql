-- Purpose: what was said is kept as long as the clinic chose: of older calls only that they were stays,
--   with what the platform reported and messages that were dealt with gone; older texts go; the audit
--   log's rows after audit_retention(), answers of repeated requests after idempotency_retention().
-- Lock order: the rows, skipping locked ones.
-- Outcomes: how many rows it dealt with; 0: nothing is due.
CREATE FUNCTION sweep_old_records(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_rows_max constant integer := 500;       -- of each table at once
  v_now timestamptz := current_moment();
  v_calls_before timestamptz;
  v_texts_before timestamptz;
  v_calls text[];
  v_swept integer;
  v_all integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT v_now - make_interval(days => call_retention_days), v_now - make_interval(days => text_retention_days)
  INTO v_calls_before, v_texts_before FROM organizations WHERE id = p_org_id;
  SELECT array_agg(call_id) INTO v_calls FROM (
    SELECT call_id FROM calls
    WHERE org_id = p_org_id AND stripped_at IS NULL AND started_at < v_calls_before
    ORDER BY started_at LIMIT c_rows_max FOR UPDATE SKIP LOCKED) AS old;
  v_all := strip_calls(p_org_id, coalesce(v_calls, '{}'), '{}', v_now);
  DELETE FROM voice_messages WHERE (org_id, call_id, type) IN (
    SELECT org_id, call_id, type FROM voice_messages
    WHERE org_id = p_org_id AND received_at < v_calls_before
    ORDER BY received_at LIMIT c_rows_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_swept = ROW_COUNT;
  v_all := v_all + v_swept;
  DELETE FROM messages WHERE org_id = p_org_id AND id IN (
    SELECT id FROM messages
    WHERE org_id = p_org_id AND created_at < v_calls_before AND status = 'done'
    ORDER BY created_at LIMIT c_rows_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_swept = ROW_COUNT;
  v_all := v_all + v_swept;
  DELETE FROM texts WHERE org_id = p_org_id AND id IN (
    SELECT id FROM texts WHERE org_id = p_org_id AND created_at < v_texts_before
    ORDER BY created_at LIMIT c_rows_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_swept = ROW_COUNT;
  v_all := v_all + v_swept;
  DELETE FROM idempotency_keys WHERE org_id = p_org_id AND idempotency_key IN (
    SELECT idempotency_key FROM idempotency_keys
    WHERE org_id = p_org_id AND created_at < v_now - idempotency_retention()
    ORDER BY created_at LIMIT c_rows_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_swept = ROW_COUNT;
  v_all := v_all + v_swept;
  DELETE FROM audit_log WHERE org_id = p_org_id AND created_at < v_now - audit_retention() AND id IN (
    SELECT id FROM audit_log WHERE org_id = p_org_id ORDER BY id LIMIT c_rows_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_swept = ROW_COUNT;
  RETURN v_all + v_swept;
END $$;
REVOKE ALL ON FUNCTION sweep_old_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_old_records TO voxanne_api;

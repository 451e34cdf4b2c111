-- Purpose: a batch of the clinic's leads is scored anew: those the event log tells of since it was last
-- read, those whose score time alone has changed, and, after the weights were changed or a backup was
-- restored, all the others.
-- Guarantees: nobody is left out, however late a transaction commits: only what lies below every
--   transaction still open is read, in the log's order; the scores and the new place commit together.
-- Lock order: the organization's row, skipped when another session has it; then the leads' scoring locks
--   in the order of their ids.
-- Outcomes: how many events were read and leads scored; 0: there is nothing left.
CREATE FUNCTION score_changed_leads(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_events_max constant integer := 200;
  c_leads_max constant integer := 100;
  c_first constant uuid := '00000000-0000-0000-0000-000000000000';
  v_now timestamptz := current_moment();
  v_clinic organizations;
  v_events events[];
  v_due uuid[];
  v_all uuid[];
  v_lead uuid;
  v_leads integer := 0;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  IF v_clinic.scored_transaction > pg_snapshot_xmax(pg_current_snapshot()) THEN
    -- Restored into a fresh cluster, which counts its transactions anew: what wasn't read yet can't be told.
    UPDATE organizations SET
      scored_transaction = pg_snapshot_xmin(pg_current_snapshot()), scored_event = 0, rescored_lead = c_first
    WHERE id = p_org_id
    RETURNING * INTO v_clinic;
  END IF;
  v_events := ARRAY(
    SELECT events FROM events
    WHERE org_id = p_org_id AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
      AND (transaction_id, id) > (v_clinic.scored_transaction, v_clinic.scored_event)
    ORDER BY transaction_id, id
    LIMIT c_events_max);
  v_due := ARRAY(
    SELECT lead_id FROM lead_scores WHERE org_id = p_org_id AND due_at <= v_now
    ORDER BY due_at LIMIT c_leads_max);
  IF v_clinic.rescored_lead IS NOT NULL THEN
    v_all := ARRAY(
      SELECT id FROM leads WHERE org_id = p_org_id AND id > v_clinic.rescored_lead
      ORDER BY id LIMIT c_leads_max);
  END IF;
  FOR v_lead IN
    SELECT lead FROM leads_of_events(p_org_id, v_events) AS lead
    UNION SELECT unnest(v_due)
    -- Whoever was merged is scored with the one who is kept.
    UNION SELECT id FROM leads WHERE org_id = p_org_id AND id = ANY (v_all) AND merged_into IS NULL
    ORDER BY 1
  LOOP
    PERFORM score_lead(p_org_id, v_lead);
    v_leads := v_leads + 1;
  END LOOP;
  IF cardinality(v_events) > 0 OR v_clinic.rescored_lead IS NOT NULL THEN
    UPDATE organizations SET
      scored_transaction = coalesce(v_events[cardinality(v_events)].transaction_id, v_clinic.scored_transaction),
      scored_event = coalesce(v_events[cardinality(v_events)].id, v_clinic.scored_event),
      rescored_lead = v_all[cardinality(v_all)]
    WHERE id = p_org_id;
  END IF;
  RETURN cardinality(v_events) + v_leads;
END $$;
REVOKE ALL ON FUNCTION score_changed_leads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION score_changed_leads TO voxanne_api;

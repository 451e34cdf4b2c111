-- Purpose: scores a lead as things stand now: whoever is one person with them counts together, and has
-- one score, the kept lead's.
-- Guarantees: of two sessions that score the same lead the later one has read what came first.
-- Lock order: the lead's scoring lock; never one that a booking waits for.
-- Outcomes: {"success", "lead_id", "score", "tier", "reasons": [{"reason", "params", "points"}],
--   "scored_at"}; or NOT_FOUND.
CREATE FUNCTION score_lead(p_org_id uuid, p_lead_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_scoring constant bigint := 6;       -- lock_diary has the seeds 1 to 4, the deliveries' claims 5
  v_leads uuid[];
  v_now timestamptz;
  v_found jsonb;
  v_weighed jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_leads := lead_group(p_org_id, p_lead_id);
  IF v_leads IS NULL OR v_leads = '{}' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(p_org_id::text || v_leads[1]::text, c_scoring));
  v_now := current_moment();
  v_found := score_facts(p_org_id, v_leads, v_now);
  v_weighed := weigh_score_facts(v_found -> 'facts', current_score_weights(p_org_id));
  INSERT INTO lead_scores AS known (org_id, lead_id, score, tier, reasons, scored_at, due_at)
  SELECT p_org_id, id, (v_weighed ->> 'score')::smallint, v_weighed ->> 'tier',
    v_weighed -> 'reasons', v_now, (v_found ->> 'due_at')::timestamptz
  FROM leads WHERE org_id = p_org_id AND id = v_leads[1] FOR KEY SHARE
  ON CONFLICT (org_id, lead_id) DO UPDATE
  SET score = excluded.score, tier = excluded.tier, reasons = excluded.reasons,
    scored_at = excluded.scored_at, due_at = excluded.due_at;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');   -- erased in the meantime
  END IF;
  DELETE FROM lead_scores WHERE org_id = p_org_id AND lead_id = ANY (v_leads[2:]);
  RETURN (jsonb_build_object('success', true, 'lead_id', v_leads[1], 'scored_at', v_now) || v_weighed)::json;
END $$;
REVOKE ALL ON FUNCTION score_lead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION score_lead TO voxanne_api;

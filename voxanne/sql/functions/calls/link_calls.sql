-- Purpose: calls of nobody become those of the person who appeared under their number later.
-- Guarantees: whoever is being erased at this moment, or a call that another session has, is left to the
--   next round.
-- Lock order: the calls by their ids, each with its lead; locked ones are skipped.
-- Outcomes: how many were linked.
CREATE FUNCTION link_calls(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_linked integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  WITH linkable AS (
    SELECT calls.call_id, leads.id AS lead
    FROM linkable_calls(p_org_id) AS found
    JOIN calls ON calls.org_id = p_org_id AND calls.call_id = found.call_id AND calls.lead_id IS NULL
    JOIN leads ON leads.org_id = p_org_id AND leads.id = found.lead_id
    ORDER BY calls.call_id
    FOR NO KEY UPDATE OF calls SKIP LOCKED
    FOR KEY SHARE OF leads SKIP LOCKED
  )
  UPDATE calls SET lead_id = linkable.lead
  FROM linkable
  WHERE calls.org_id = p_org_id AND calls.call_id = linkable.call_id;
  GET DIAGNOSTICS v_linked = ROW_COUNT;
  RETURN v_linked;
END $$;
REVOKE ALL ON FUNCTION link_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION link_calls TO voxanne_api;

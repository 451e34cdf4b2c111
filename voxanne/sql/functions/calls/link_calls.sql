-- Purpose: calls of nobody become those of the person who appeared under their number later.
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
  UPDATE calls SET lead_id = found.lead_id
  FROM linkable_calls(p_org_id) AS found
  WHERE calls.org_id = p_org_id AND calls.call_id = found.call_id AND calls.lead_id IS NULL;
  GET DIAGNOSTICS v_linked = ROW_COUNT;
  RETURN v_linked;
END $$;
REVOKE ALL ON FUNCTION link_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION link_calls TO voxanne_api;

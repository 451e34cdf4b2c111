-- Purpose: a clinic's own weights for lead scores; NULL: the built-in ones again. A worker then scores
-- everybody anew, in batches.
-- Guarantees: the same weights again change nothing, and nobody is scored for it.
-- Lock order: the organization's row.
-- Outcomes: those of score_weights; or INVALID_ARGUMENTS, STALE_VERSION, INVALID_ORGANIZATION.
CREATE FUNCTION set_score_weights(p_org_id uuid, p_weights jsonb, p_version integer DEFAULT NULL) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_first constant uuid := '00000000-0000-0000-0000-000000000000';
  v_version integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_weights IS NOT NULL AND NOT fits_score_weights(p_weights) THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT score_weights_version INTO v_version FROM organizations WHERE id = p_org_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF p_version <> v_version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', v_version));
  END IF;
  UPDATE organizations
  SET score_weights = p_weights, score_weights_version = v_version + 1, rescored_lead = c_first
  WHERE id = p_org_id AND score_weights IS DISTINCT FROM p_weights;
  RETURN score_weights(p_org_id);
END $$;
REVOKE ALL ON FUNCTION set_score_weights FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_score_weights TO voxanne_api;

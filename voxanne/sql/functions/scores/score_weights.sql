-- Purpose: a clinic's weights for lead scores, and the services there are points for.
-- Outcomes: {"success", "weights" (as default_score_weights), "own": false where none were set, "version",
--   "services": [{"key", "name"}]}; or INVALID_ORGANIZATION.
CREATE FUNCTION score_weights(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_answer json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT json_build_object(
    'success', true, 'weights', current_score_weights(p_org_id), 'own', score_weights IS NOT NULL,
    'version', score_weights_version, 'services', (
      SELECT coalesce(json_agg(json_build_object('key', key, 'name', services.name) ORDER BY services.name, key), '[]')
      FROM services WHERE org_id = p_org_id AND active))
  INTO v_answer FROM organizations WHERE id = p_org_id;
  RETURN coalesce(v_answer, refusal('INVALID_ORGANIZATION'));
END $$;
REVOKE ALL ON FUNCTION score_weights FROM PUBLIC;
GRANT EXECUTE ON FUNCTION score_weights TO voxanne_api;

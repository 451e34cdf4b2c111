-- Purpose: what other weights would do, and nothing is stored: how many of the newest leads would be hot,
-- warm and cold, beside how many are; and the same for examples, each a list of facts.
-- p_weights: as set_score_weights takes them; NULL: those that hold.
-- Cost: up to a hundred leads are read; for the settings page.
-- Outcomes: {"success", "leads", "before": {"hot", "warm", "cold"}, "after", "examples": [{"before":
--   {"score", "tier", "reasons"}, "after"}]}; or INVALID_ARGUMENTS, INVALID_ORGANIZATION.
CREATE FUNCTION preview_scores(
  p_org_id uuid, p_weights jsonb DEFAULT NULL, p_examples jsonb DEFAULT '[]'
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_leads_max constant integer := 100;
  v_now timestamptz := current_moment();
  v_current jsonb;
  v_wanted jsonb;
  v_answer json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_weights IS NOT NULL AND NOT fits_score_weights(p_weights)
     OR jsonb_typeof(p_examples) IS DISTINCT FROM 'array' THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  v_current := current_score_weights(p_org_id);
  IF v_current IS NULL THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_wanted := coalesce(p_weights || jsonb_build_object(
    'weights', default_score_weights() -> 'weights' || (p_weights -> 'weights')), v_current);
  WITH newest AS (
    SELECT id FROM leads WHERE org_id = p_org_id AND merged_into IS NULL
    ORDER BY created_at DESC, id DESC LIMIT c_leads_max
  ), found AS (
    SELECT score_facts(p_org_id, lead_group(p_org_id, id), v_now) -> 'facts' AS facts FROM newest
  ), tiers AS (
    SELECT weigh_score_facts(facts, v_current) ->> 'tier' AS before,
      weigh_score_facts(facts, v_wanted) ->> 'tier' AS after
    FROM found
  )
  SELECT json_build_object(
    'success', true, 'leads', count(*),
    'before', json_build_object(
      'hot', count(*) FILTER (WHERE before = 'hot'), 'warm', count(*) FILTER (WHERE before = 'warm'),
      'cold', count(*) FILTER (WHERE before = 'cold')),
    'after', json_build_object(
      'hot', count(*) FILTER (WHERE after = 'hot'), 'warm', count(*) FILTER (WHERE after = 'warm'),
      'cold', count(*) FILTER (WHERE after = 'cold')),
    'examples', (
      SELECT coalesce(json_agg(json_build_object(
        'before', weigh_score_facts(facts, v_current), 'after', weigh_score_facts(facts, v_wanted)) ORDER BY place), '[]')
      FROM jsonb_array_elements(p_examples) WITH ORDINALITY AS example (facts, place)))
  INTO v_answer FROM tiers;
  RETURN v_answer;
END $$;
REVOKE ALL ON FUNCTION preview_scores FROM PUBLIC;
GRANT EXECUTE ON FUNCTION preview_scores TO voxanne_api;

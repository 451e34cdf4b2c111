-- Purpose: the weights that hold at a clinic: its own, and the built-in one for each that it doesn't name.
-- Outcomes: as default_score_weights; NULL where there is no such clinic.
CREATE FUNCTION current_score_weights(p_org_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_built_in jsonb := default_score_weights();
BEGIN
  RETURN (
    SELECT v_built_in || coalesce(score_weights, '{}') || jsonb_build_object(
      'weights', (v_built_in -> 'weights') || coalesce(score_weights -> 'weights', '{}'))
    FROM organizations WHERE id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION current_score_weights FROM PUBLIC;

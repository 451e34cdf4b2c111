-- Purpose: the next ids of a clinic's people in the order asked for, after one of them (NULL: from the
--   first): by 'name', by 'score' (who has none yet comes last), or else the newest first. Those who
--   were merged are among them.
-- Guarantees: reads one index, no further than it answers; by score, also past as many unscored.
CREATE FUNCTION next_leads(
  p_org_id uuid, p_order text, p_after_id uuid, p_since timestamptz, p_limit integer
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  v_after leads;
  v_score integer;
  v_found uuid[];
BEGIN
  SELECT * INTO v_after FROM leads WHERE org_id = p_org_id AND id = p_after_id;
  IF p_order = 'name' THEN
    RETURN ARRAY(
      SELECT id FROM leads
      WHERE org_id = p_org_id AND (person, id) > (coalesce(v_after.person, ''), coalesce(v_after.id, c_nobody))
      ORDER BY person, id LIMIT p_limit);
  ELSIF p_order = 'score' THEN
    SELECT score INTO v_score FROM lead_scores WHERE org_id = p_org_id AND lead_id = v_after.id;
    IF v_after.id IS NULL OR v_score IS NOT NULL THEN
      v_found := ARRAY(
        SELECT lead_id FROM lead_scores
        WHERE org_id = p_org_id AND (score, lead_id) < (coalesce(v_score, 101), coalesce(v_after.id, c_nobody))
        ORDER BY score DESC, lead_id DESC LIMIT p_limit);
      v_after := NULL;
    END IF;
    RETURN coalesce(v_found, '{}') || ARRAY(
      SELECT id FROM leads
      WHERE org_id = p_org_id AND (v_after.id IS NULL OR id < v_after.id)
        AND NOT EXISTS (SELECT FROM lead_scores WHERE lead_scores.org_id = p_org_id AND lead_id = leads.id)
      ORDER BY id DESC LIMIT p_limit - coalesce(cardinality(v_found), 0));
  END IF;
  RETURN ARRAY(
    SELECT id FROM leads
    WHERE org_id = p_org_id AND created_at >= coalesce(p_since, '-infinity')
      AND (created_at, id) < (coalesce(v_after.created_at, 'infinity'), coalesce(v_after.id, c_nobody))
    ORDER BY created_at DESC, id DESC LIMIT p_limit);
END $$;
REVOKE ALL ON FUNCTION next_leads FROM PUBLIC;

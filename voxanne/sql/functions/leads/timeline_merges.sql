-- Purpose: a timeline's merges and splits, and those that were undone.
CREATE FUNCTION timeline_merges(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  -- Looked up one by one: of a table that was never analyzed the planner would read a clinic's whole.
  v_changes uuid[] := ARRAY(
    SELECT DISTINCT change_id FROM unnest(p_group) AS member
    CROSS JOIN LATERAL (
      SELECT id AS change_id FROM lead_changes WHERE org_id = p_org_id AND lead_id = member
      UNION ALL
      SELECT id FROM lead_changes WHERE org_id = p_org_id AND other_id = member
      OFFSET 0) AS theirs);
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key,
    lead_change_line(page.change) - 'kind' || jsonb_build_object(
      'kind', CASE (page.change).kind WHEN 'merge' THEN 'lead_merged' ELSE 'lead_split' END,
      'state', CASE WHEN (page.change).undone_at IS NOT NULL THEN 'undone' END)
  FROM (
    SELECT lead_changes AS change, created_at, '8-change-' || id AS sort_key FROM lead_changes
    WHERE org_id = p_org_id AND id = ANY (v_changes)
      AND (created_at, '8-change-' || id) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
  RETURN QUERY
  SELECT page.undone_at, page.sort_key,
    lead_change_line(page.change) || jsonb_build_object(
      'kind', 'lead_change_undone', 'change', (page.change).kind, 'state', NULL)
  FROM (
    SELECT lead_changes AS change, undone_at, '9-undone-' || id AS sort_key FROM lead_changes
    WHERE org_id = p_org_id AND id = ANY (v_changes)
      AND (undone_at, '9-undone-' || id) < (p_before_at, p_before_key)
    ORDER BY undone_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_merges FROM PUBLIC;

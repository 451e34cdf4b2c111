-- Purpose: a page of what staff had to hear of at once, newest first, after the last one seen here.
-- p_seen: only those somebody has seen, or nobody has.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_alerts(
  p_org_id uuid,
  p_seen boolean DEFAULT NULL,
  p_after_at timestamptz DEFAULT NULL,
  p_after_id uuid DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(
      jsonb_agg(to_jsonb(page) - 'org_id' ORDER BY page.created_at DESC, page.id DESC), '[]')
    FROM (
      SELECT * FROM alerts
      WHERE org_id = p_org_id
        AND (p_seen IS NULL OR p_seen AND seen_at IS NOT NULL OR NOT p_seen AND seen_at IS NULL)
        AND (p_after_at IS NULL OR (created_at, id) < (p_after_at, p_after_id))
      ORDER BY created_at DESC, id DESC
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_alerts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_alerts TO voxanne_api;

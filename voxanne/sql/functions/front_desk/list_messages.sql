-- Purpose: a page of the messages callers left, newest first, after the last one seen.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_messages(
  p_org_id uuid,
  p_status text DEFAULT NULL,
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
      SELECT * FROM messages
      WHERE org_id = p_org_id
        AND (p_status IS NULL OR status = p_status)
        AND (p_after_at IS NULL OR (created_at, id) < (p_after_at, p_after_id))
      ORDER BY created_at DESC, id DESC
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_messages TO voxanne_api;

-- Purpose: a page of the receipts of who was erased, newest first, after the last one seen; or one.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}; NOT_FOUND for one that isn't there.
CREATE FUNCTION list_erasures(
  p_org_id uuid, p_erasure_id uuid DEFAULT NULL, p_after_at timestamptz DEFAULT NULL,
  p_after_id uuid DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
  v_items jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT coalesce(jsonb_agg(to_jsonb(page) - 'org_id' ORDER BY page.created_at DESC, page.id DESC), '[]')
  INTO v_items
  FROM (
    SELECT * FROM erasures
    WHERE org_id = p_org_id AND (p_erasure_id IS NULL OR id = p_erasure_id)
      AND (p_after_at IS NULL OR (created_at, id) < (p_after_at, p_after_id))
    ORDER BY created_at DESC, id DESC
    LIMIT least(p_limit, 201)
  ) AS page;
  IF p_erasure_id IS NOT NULL AND v_items = '[]' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'items', v_items);
END $$;
REVOKE ALL ON FUNCTION list_erasures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_erasures TO voxanne_api;

-- Purpose: a page of a clinic's people, by id, after the last one seen; or those of a number; or one.
-- Guarantees: at most 201 rows; planned anew for the filters given, so that each finds its index.
-- Outcomes: {"success", "items"}; NOT_FOUND for one that isn't there.
CREATE FUNCTION list_leads(
  p_org_id uuid,
  p_lead_id uuid DEFAULT NULL,
  p_phone text DEFAULT NULL,
  p_after_id uuid DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  v_items jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT coalesce(jsonb_agg(lead_document(page) ORDER BY page.id), '[]')
  INTO v_items
  FROM (
    SELECT * FROM leads
    WHERE org_id = p_org_id
      AND (p_lead_id IS NULL OR id = p_lead_id)
      AND (p_phone IS NULL OR phone = p_phone)
      AND (p_after_id IS NULL OR id > p_after_id)
    ORDER BY id
    LIMIT least(p_limit, 201)
  ) AS page;
  IF p_lead_id IS NOT NULL AND v_items = '[]' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'items', v_items);
END $$;
REVOKE ALL ON FUNCTION list_leads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_leads TO voxanne_api;

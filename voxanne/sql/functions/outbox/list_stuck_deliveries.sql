-- Purpose: what goes out and needs a person: what was given up, and what waits until something outside
--   is put right. Newest first.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}, as list_deliveries has them.
CREATE FUNCTION list_stuck_deliveries(p_org_id uuid, p_limit integer DEFAULT 50) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(jsonb_agg(document ORDER BY created_at DESC, document ->> 'id' DESC), '[]')
    FROM (
      SELECT created_at, delivery_document(stuck) AS document
      FROM (
        (SELECT * FROM deliveries WHERE org_id = p_org_id AND status = 'failed'
         ORDER BY created_at DESC LIMIT least(p_limit, 201))
        UNION ALL
        (SELECT * FROM deliveries WHERE org_id = p_org_id AND status = 'queued' AND due_at = 'infinity'
         ORDER BY created_at DESC LIMIT least(p_limit, 201))
      ) AS stuck
      ORDER BY created_at DESC LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_stuck_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_stuck_deliveries TO voxanne_api;

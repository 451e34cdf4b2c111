-- Purpose: a page of what became of what goes out, of one appointment or of all, newest first, after
--   the last one seen.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}; or NOT_FOUND: there is no such appointment.
CREATE FUNCTION list_deliveries(
  p_org_id uuid,
  p_appointment_id uuid DEFAULT NULL,
  p_status text DEFAULT NULL,
  p_channel text DEFAULT NULL,
  p_after_at timestamptz DEFAULT NULL,
  p_after_id text DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_appointment_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM appointments WHERE org_id = p_org_id AND id = p_appointment_id) THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(jsonb_agg(document ORDER BY created_at DESC, id DESC), '[]')
    FROM (
      SELECT created_at, document ->> 'id' AS id, document
      FROM deliveries CROSS JOIN LATERAL delivery_document(deliveries) AS document
      WHERE org_id = p_org_id
        AND (p_appointment_id IS NULL OR subject_id = p_appointment_id)
        AND (p_status IS NULL OR status = p_status)
        AND (p_channel IS NULL OR channel = p_channel)
        AND (p_after_at IS NULL OR (created_at, document ->> 'id') < (p_after_at, p_after_id))
      ORDER BY created_at DESC, id DESC
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_deliveries TO voxanne_api;

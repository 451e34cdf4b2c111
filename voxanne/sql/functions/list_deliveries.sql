-- Purpose: what became of what went out: of one appointment (or alert), or by state, newest first.
-- Outcomes: {"success", "deliveries", "next"}; `next` is the key to go on from.
CREATE FUNCTION list_deliveries(
  p_org_id uuid, p_subject_id uuid DEFAULT NULL, p_status text DEFAULT NULL, p_channel text DEFAULT NULL,
  p_before timestamptz DEFAULT NULL, p_before_id text DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_limit_max constant integer := 200;
  v_rows json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_limit NOT BETWEEN 1 AND c_limit_max OR p_limit IS NULL THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT coalesce(json_agg(document ORDER BY updated_at DESC, place DESC), '[]') INTO v_rows
  FROM (
    SELECT delivery_document(deliveries) AS document, updated_at,
      concat(subject_id, ' ', kind, ' ', version) AS place
    FROM deliveries
    WHERE org_id = p_org_id
      AND (p_subject_id IS NULL OR subject_id = p_subject_id)
      AND (p_status IS NULL OR status = p_status)
      AND (p_channel IS NULL OR channel = p_channel)
      AND (p_before IS NULL OR (updated_at, concat(subject_id, ' ', kind, ' ', version)) < (p_before, p_before_id))
    ORDER BY updated_at DESC, place DESC
    LIMIT p_limit
  ) AS page;
  RETURN json_build_object('success', true, 'deliveries', v_rows);
END $$;
REVOKE ALL ON FUNCTION list_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_deliveries TO voxanne_api;

-- Purpose: a page of a clinic's calls, newest first, after the last one seen, from p_from on.
--   p_number: digits of the caller's number, or all of it; p_outcome: as call_outcomes.sql names them,
--   or none.
-- Guarantees: at most 201 rows; planned anew for the filters given, so that each finds its index.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_calls(
  p_org_id uuid,
  p_from timestamptz DEFAULT NULL,
  p_promise text DEFAULT NULL,
  p_outcome text DEFAULT NULL,
  p_number text DEFAULT NULL,
  p_before_at timestamptz DEFAULT NULL,
  p_before_id text DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  v_whole text := normalize_phone(p_number);
  v_digits text := regexp_replace(p_number, '\D', '', 'g');
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(jsonb_agg(
      call_line(page.call) ORDER BY (page.call).started_at DESC, (page.call).call_id DESC), '[]')
    FROM (
      SELECT calls AS call FROM calls
      WHERE org_id = p_org_id
        AND (p_from IS NULL OR started_at >= p_from)
        AND (p_promise IS NULL OR promise = p_promise)
        AND (v_whole IS NULL OR caller_phone = v_whole)
        AND (p_number IS NULL OR v_whole IS NOT NULL OR v_digits <> '' AND caller_phone LIKE '%' || v_digits || '%')
        AND (p_outcome IS NULL OR (
          CASE WHEN p_outcome = 'none' THEN call_outcomes(p_org_id, call_id) = '{}'
               ELSE p_outcome = ANY (call_outcomes(p_org_id, call_id)) END))
        AND (p_before_at IS NULL OR (started_at, call_id) < (p_before_at, p_before_id))
      ORDER BY started_at DESC, call_id DESC
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_calls TO voxanne_api;

-- Purpose: a page of a clinic's calls, newest first, after the last one seen, from p_from on.
--   p_number: digits of the caller's number, or all of it; p_outcome: as call_outcomes.sql names them,
--   or none.
-- Guarantees: at most 200 rows; planned anew for the filters given, so that each finds its index. What came
--   of a call is looked up for 2,000 at most: a page that ends there is shorter, and still says where to go on.
-- Outcomes: {"success", "items", "before_at", "before_id"}: the last one looked at where there may be more,
--   or NULL.
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
SET jit = off
AS $$
DECLARE
  c_examined_max constant integer := 2000;
  v_whole text := normalize_phone(p_number);
  v_digits text := regexp_replace(p_number, '\D', '', 'g');
  v_limit integer := least(greatest(p_limit, 1), 200);
  v_call calls;
  v_last calls;
  v_items jsonb := '[]';
  v_examined integer := 0;
  v_more boolean := false;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  FOR v_call IN
    SELECT * FROM calls
    WHERE org_id = p_org_id
      AND (p_from IS NULL OR started_at >= p_from)
      AND (p_promise IS NULL OR promise = p_promise)
      AND (v_whole IS NULL OR caller_phone = v_whole)
      AND (p_number IS NULL OR v_whole IS NOT NULL OR v_digits <> '' AND caller_phone LIKE '%' || v_digits || '%')
      AND (p_before_at IS NULL OR (started_at, call_id) < (p_before_at, p_before_id))
    ORDER BY started_at DESC, call_id DESC
    LIMIT CASE WHEN p_outcome IS NULL THEN v_limit ELSE c_examined_max END + 1
  LOOP
    v_more := jsonb_array_length(v_items) = v_limit OR v_examined = c_examined_max;
    EXIT WHEN v_more;
    v_examined := v_examined + 1;
    v_last := v_call;
    IF p_outcome IS NULL OR (
        CASE WHEN p_outcome = 'none' THEN call_outcomes(p_org_id, v_call.call_id) = '{}'
             ELSE p_outcome = ANY (call_outcomes(p_org_id, v_call.call_id)) END) THEN
      v_items := v_items || call_line(v_call);
    END IF;
  END LOOP;
  RETURN json_build_object(
    'success', true,
    'before_at', CASE WHEN v_more THEN v_last.started_at END,
    'before_id', CASE WHEN v_more THEN v_last.call_id END,
    'items', v_items);
END $$;
REVOKE ALL ON FUNCTION list_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_calls TO voxanne_api;

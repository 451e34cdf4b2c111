-- Purpose: tells staff at once. Kinds and ids, never a patient's details.
-- Guarantees: one alert per call and kind.
-- Outcomes: {"success", "alert_id", "replayed"}.
CREATE FUNCTION raise_alert(
  p_org_id uuid, p_kind text, p_call_id text DEFAULT NULL, p_message_id uuid DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_alert uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF coalesce(length(p_kind), 0) NOT BETWEEN 1 AND 50 OR length(p_call_id) > 200 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  PERFORM lock_diary(p_org_id, NULL, concat('alert:', p_kind, ':', p_call_id), '{}', false, true);
  v_now := current_moment();
  SELECT id INTO v_alert FROM alerts
  WHERE org_id = p_org_id AND seen_at IS NULL AND kind = p_kind AND call_id = p_call_id
  LIMIT 1;
  IF FOUND THEN
    RETURN json_build_object('success', true, 'alert_id', v_alert, 'replayed', true);
  END IF;
  v_alert := store_alert(p_org_id, p_kind, p_call_id, p_message_id, NULL, v_now);
  IF v_alert IS NULL THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  RETURN json_build_object('success', true, 'alert_id', v_alert, 'replayed', false);
END $$;
REVOKE ALL ON FUNCTION raise_alert FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raise_alert TO voxanne_api;

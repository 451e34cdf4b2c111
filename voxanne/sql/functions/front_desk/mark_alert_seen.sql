-- Purpose: somebody has seen an alert. Seen twice, the first time stays.
-- Outcomes: {"success", "alert"}; NOT_FOUND.
CREATE FUNCTION mark_alert_seen(p_org_id uuid, p_alert_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_alert alerts;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE alerts SET seen_at = coalesce(seen_at, current_moment())
  WHERE org_id = p_org_id AND id = p_alert_id
  RETURNING * INTO v_alert;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'alert', to_jsonb(v_alert) - 'org_id');
END $$;
REVOKE ALL ON FUNCTION mark_alert_seen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_alert_seen TO voxanne_api;

-- Purpose: staff want a failed or waiting delivery tried again now. Its count of tries begins anew.
-- Outcomes: {"success", "delivery"}, as it stands now; or NOT_FOUND, or STALE_VERSION when a newer
--   version's has taken its place.
CREATE FUNCTION retry_delivery(p_org_id uuid, p_subject_id uuid, p_kind text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_delivery deliveries;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_delivery FROM deliveries
  WHERE org_id = p_org_id AND subject_id = p_subject_id AND kind = p_kind
  ORDER BY version DESC LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF EXISTS (
      SELECT FROM deliveries
      WHERE org_id = p_org_id AND subject_id = p_subject_id AND channel = v_delivery.channel
        AND version > v_delivery.version) THEN
    RETURN refusal('STALE_VERSION');
  END IF;
  IF v_delivery.status IN ('failed', 'queued') THEN
    UPDATE deliveries SET status = 'queued', due_at = v_now, attempts_forgiven = attempts, updated_at = v_now
    WHERE org_id = p_org_id AND subject_id = p_subject_id AND kind = p_kind AND version = v_delivery.version
    RETURNING * INTO v_delivery;
  END IF;
  RETURN json_build_object('success', true, 'delivery', delivery_document(v_delivery));
END $$;
REVOKE ALL ON FUNCTION retry_delivery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retry_delivery TO voxanne_api;

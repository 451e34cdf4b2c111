-- Purpose: where the clinic's staff are told of alerts, as the deployment encrypts it.
-- Outcomes: {"success", "encrypted_urls": base64, or null for nowhere}.
CREATE FUNCTION find_alert_urls(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'encrypted_urls', (
    SELECT encode(alert_urls, 'base64') FROM organizations WHERE id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION find_alert_urls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_alert_urls TO voxanne_api;

-- Purpose: where the clinic's staff are told of alerts.
-- p_encrypted_urls: a JSON list, as the deployment encrypts it; NULL: nowhere.
-- Outcomes: {"success"}; INVALID_ORGANIZATION, INVALID_ARGUMENTS.
CREATE FUNCTION set_alert_urls(p_org_id uuid, p_encrypted_urls bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF length(p_encrypted_urls) NOT BETWEEN 1 AND 30000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  UPDATE organizations SET alert_urls = p_encrypted_urls WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION set_alert_urls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_alert_urls TO voxanne_api;

-- Purpose: whose account sends a clinic's text messages, without its token.
-- Outcomes: {"success", "account": {"vendor", "account_sid", "number", "version", "updated_at"} or null}.
CREATE FUNCTION sms_account(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'account', (
    SELECT to_jsonb(sms_accounts) - 'org_id' - 'encrypted_token' FROM sms_accounts WHERE org_id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION sms_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sms_account TO voxanne_api;

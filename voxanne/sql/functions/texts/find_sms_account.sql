-- Purpose: what a callback of a clinic's vendor is checked against. The token is encrypted by the
-- deployment's key.
-- Outcomes: {"account_sid", "number", "encrypted_token": base64}, or NULL.
CREATE FUNCTION find_sms_account(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT json_build_object('account_sid', account_sid, 'number', number,
                             'encrypted_token', encode(encrypted_token, 'base64'))
    FROM sms_accounts WHERE org_id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION find_sms_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_sms_account TO voxanne_api;

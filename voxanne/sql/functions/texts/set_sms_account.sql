-- Purpose: from now on this account sends a clinic's text messages; what waited for it goes out.
-- p_encrypted_token: by the deployment's key.
-- Outcomes: those of sms_account; or INVALID_ORGANIZATION, INVALID_PHONE, INVALID_ARGUMENTS.
CREATE FUNCTION set_sms_account(
  p_org_id uuid, p_account_sid text, p_encrypted_token bytea, p_number text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_number text := normalize_phone(p_number);
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF v_number IS NULL THEN
    RETURN refusal('INVALID_PHONE', '{"where": "number"}');
  ELSIF coalesce(p_account_sid, '') !~ '^[A-Za-z0-9_-]{1,100}$' THEN   -- it becomes part of addresses
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "account_sid"}');
  ELSIF coalesce(length(p_encrypted_token), 0) NOT BETWEEN 1 AND 4000 THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "token"}');
  END IF;
  INSERT INTO sms_accounts AS known (org_id, account_sid, encrypted_token, number, updated_at)
  VALUES (p_org_id, p_account_sid, p_encrypted_token, v_number, v_now)
  ON CONFLICT (org_id) DO UPDATE
    SET account_sid = excluded.account_sid, encrypted_token = excluded.encrypted_token,
      number = excluded.number, version = known.version + 1, updated_at = v_now;
  UPDATE deliveries SET due_at = v_now, updated_at = v_now
  WHERE org_id = p_org_id AND channel = 'sms' AND status = 'queued' AND due_at = 'infinity';
  RETURN sms_account(p_org_id);
END $$;
REVOKE ALL ON FUNCTION set_sms_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_sms_account TO voxanne_api;

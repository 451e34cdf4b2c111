-- Purpose: a new secret. For a day messages are signed with the old one too, so that the receiver can
-- take over the new one in its own time.
-- Outcomes: {"success", "webhook"}; NOT_FOUND, STALE_VERSION, INVALID_ARGUMENTS.
CREATE FUNCTION rotate_webhook_secret(
  p_org_id uuid, p_webhook_id uuid, p_encrypted_secret text, p_version integer DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_overlap constant interval := '24 hours';
  v_now timestamptz;
  v_found record;
  v_webhook webhooks;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF coalesce(length(p_encrypted_secret), 0) NOT BETWEEN 1 AND 1000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT * INTO v_found FROM lock_webhook(p_org_id, p_webhook_id, p_version);
  IF v_found.p_refused IS NOT NULL THEN
    RETURN v_found.p_refused;
  END IF;
  v_now := current_moment();
  UPDATE webhooks SET
    encrypted_secret = p_encrypted_secret, encrypted_old_secret = encrypted_secret,
    old_secret_until = v_now + c_overlap, version = version + 1, updated_at = v_now
  WHERE org_id = p_org_id AND id = p_webhook_id
  RETURNING * INTO v_webhook;
  RETURN json_build_object('success', true, 'webhook', webhook_document(v_webhook));
END $$;
REVOKE ALL ON FUNCTION rotate_webhook_secret FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rotate_webhook_secret TO voxanne_api;

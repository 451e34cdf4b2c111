-- Purpose: a webhook is no more. Its secrets are gone at once, its messages soon (sweep_webhook_messages).
-- Lock order: the webhook, then its deliveries.
-- Outcomes: {"success"}; NOT_FOUND, STALE_VERSION.
CREATE FUNCTION remove_webhook(p_org_id uuid, p_webhook_id uuid, p_version integer DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_found record;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_found FROM lock_webhook(p_org_id, p_webhook_id, p_version);
  IF v_found.p_refused IS NOT NULL THEN
    RETURN v_found.p_refused;
  END IF;
  v_now := current_moment();
  UPDATE webhooks SET
    status = 'removed', encrypted_secret = '', encrypted_old_secret = NULL, version = version + 1,
    updated_at = v_now
  WHERE org_id = p_org_id AND id = p_webhook_id;
  UPDATE deliveries SET status = 'voided', error_code = 'webhook_removed', updated_at = v_now
  FROM webhook_messages
  WHERE webhook_messages.org_id = p_org_id AND webhook_id = p_webhook_id
    AND deliveries.org_id = p_org_id AND subject_id = webhook_messages.id
    AND kind = 'webhook' AND status = 'queued';
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION remove_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_webhook TO voxanne_api;

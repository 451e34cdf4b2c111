-- Purpose: whether a webhook still works, by what became of a message to it.
-- p_result: 'delivered'; 'failed'; 'gone': its receiver wants no more.
-- Guarantees: one that is gone is turned off at once, one through which nothing got for c_failing_max
--   likewise; staff are told; what is queued for it waits.
-- Lock order: the webhook, then its deliveries.
-- Outcomes: its status now.
CREATE FUNCTION note_webhook_result(p_org_id uuid, p_webhook_id uuid, p_result text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  -- Longer than a message is tried for.
  c_failing_max constant interval := '3 days';
  v_now timestamptz := current_moment();
  v_webhook webhooks;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO v_webhook FROM webhooks WHERE org_id = p_org_id AND id = p_webhook_id;
  -- Mostly nothing changes, and nothing is locked.
  IF v_webhook.status IS DISTINCT FROM 'active'
     OR p_result = 'delivered' AND v_webhook.failing_since IS NULL
     OR p_result = 'failed' AND v_webhook.failing_since > v_now - c_failing_max THEN
    RETURN v_webhook.status;
  END IF;
  SELECT * INTO v_webhook FROM webhooks WHERE org_id = p_org_id AND id = p_webhook_id FOR UPDATE;
  IF v_webhook.status IS DISTINCT FROM 'active' THEN
    RETURN v_webhook.status;
  ELSIF p_result = 'gone' OR p_result = 'failed' AND v_webhook.failing_since <= v_now - c_failing_max THEN
    UPDATE webhooks SET version = version + 1, failing_since = coalesce(failing_since, v_now)
    WHERE org_id = p_org_id AND id = p_webhook_id;
    PERFORM park_webhook(v_webhook, v_now);
    PERFORM store_alert(p_org_id, 'webhook_disabled', NULL, NULL, NULL, v_now);
    RETURN 'disabled';
  END IF;
  UPDATE webhooks SET failing_since = CASE WHEN p_result = 'failed' THEN coalesce(failing_since, v_now) END
  WHERE org_id = p_org_id AND id = p_webhook_id;
  RETURN 'active';
END $$;
REVOKE ALL ON FUNCTION note_webhook_result FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_webhook_result TO voxanne_api;

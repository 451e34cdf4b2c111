-- Purpose: a webhook that somebody wants to change, locked: the first lock of whatever changes it.
-- p_version: as they saw it; NULL: whatever it is.
-- Outcomes: p_webhook with its row; p_refused NULL, or what to answer: NOT_FOUND, STALE_VERSION.
CREATE FUNCTION lock_webhook(
  p_org_id uuid, p_webhook_id uuid, p_version integer, OUT p_webhook webhooks, OUT p_refused json
)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  SELECT * INTO p_webhook FROM webhooks
  WHERE org_id = p_org_id AND id = p_webhook_id AND status <> 'removed'
  FOR UPDATE;
  IF NOT FOUND THEN
    p_refused := refusal('NOT_FOUND');
  ELSIF p_webhook.version <> p_version THEN
    p_refused := refusal('STALE_VERSION', jsonb_build_object('version', p_webhook.version));
  END IF;
END $$;
REVOKE ALL ON FUNCTION lock_webhook FROM PUBLIC;

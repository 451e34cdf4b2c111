-- Purpose: a webhook is turned off. What is queued for it waits until it is on again.
-- Lock order: the webhook is locked already; then its deliveries.
CREATE FUNCTION park_webhook(p_webhook webhooks, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE webhooks SET status = 'disabled', updated_at = p_moment
  WHERE org_id = p_webhook.org_id AND id = p_webhook.id;
  UPDATE deliveries SET due_at = 'infinity', updated_at = p_moment
  FROM webhook_messages
  WHERE webhook_messages.org_id = p_webhook.org_id AND webhook_id = p_webhook.id
    AND deliveries.org_id = p_webhook.org_id AND subject_id = webhook_messages.id
    AND kind = 'webhook' AND status = 'queued';
END $$;
REVOKE ALL ON FUNCTION park_webhook FROM PUBLIC;

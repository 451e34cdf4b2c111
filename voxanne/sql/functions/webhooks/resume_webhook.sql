-- Purpose: a webhook is on again and gets what it missed.
-- Guarantees: an attempt that is under way and found it turned off is begun anew; its own end then
--   changes nothing.
-- Lock order: the webhook is locked already; then its deliveries.
CREATE FUNCTION resume_webhook(p_webhook webhooks, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_first events;
BEGIN
  SELECT * INTO v_first FROM first_event(p_webhook.org_id, p_moment - webhook_retention());
  UPDATE webhooks SET
    status = 'active', failing_since = NULL, updated_at = p_moment,
    read_transaction = CASE WHEN (v_first.transaction_id, v_first.id) > (read_transaction, read_event)
      THEN v_first.transaction_id ELSE read_transaction END,
    read_event = CASE WHEN (v_first.transaction_id, v_first.id) > (read_transaction, read_event)
      THEN v_first.id - 1 ELSE read_event END
  WHERE org_id = p_webhook.org_id AND id = p_webhook.id;
  UPDATE deliveries SET
    status = 'queued', due_at = p_moment, attempts_forgiven = attempts, updated_at = p_moment
  FROM webhook_messages
  WHERE webhook_messages.org_id = p_webhook.org_id AND webhook_id = p_webhook.id
    AND deliveries.org_id = p_webhook.org_id AND subject_id = webhook_messages.id
    AND kind = 'webhook'
    AND (status IN ('queued', 'sending')
         OR status = 'failed' AND deliveries.updated_at >= p_webhook.failing_since);
END $$;
REVOKE ALL ON FUNCTION resume_webhook FROM PUBLIC;

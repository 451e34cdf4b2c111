-- Purpose: messages are kept for 30 days; those of a removed webhook go at once, and it with the last.
-- Lock order: messages, skipping locked ones; then their deliveries; then the webhook.
-- Outcomes: how many were deleted; fewer than c_messages_max: there is nothing left.
CREATE FUNCTION sweep_webhook_messages(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_messages_max constant integer := 1000;
  v_messages uuid[];
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT array_agg(subject_id) INTO v_messages FROM (
    SELECT subject_id
    FROM webhook_messages
    JOIN webhooks ON webhooks.org_id = p_org_id AND webhooks.id = webhook_id
    JOIN deliveries ON deliveries.org_id = p_org_id AND subject_id = webhook_messages.id AND kind = 'webhook'
    WHERE webhook_messages.org_id = p_org_id
      AND (webhook_messages.created_at < current_moment() - webhook_retention() OR webhooks.status = 'removed')
      AND deliveries.status <> 'sending'
    LIMIT c_messages_max
    FOR UPDATE OF webhook_messages SKIP LOCKED
  ) AS old;
  DELETE FROM deliveries
  WHERE org_id = p_org_id AND subject_id = ANY (v_messages) AND kind = 'webhook';
  DELETE FROM webhook_messages WHERE org_id = p_org_id AND id = ANY (v_messages);
  DELETE FROM webhooks
  WHERE org_id = p_org_id AND status = 'removed' AND NOT EXISTS (
    SELECT FROM webhook_messages WHERE webhook_messages.org_id = p_org_id AND webhook_id = webhooks.id);
  RETURN coalesce(cardinality(v_messages), 0);
END $$;
REVOKE ALL ON FUNCTION sweep_webhook_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_webhook_messages TO voxanne_api;

-- Purpose: what is needed to send an event to a webhook. Ids and times, and the encrypted secrets.
CREATE FUNCTION webhook_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'webhook_id', webhooks.id, 'url', url, 'status', webhooks.status,
      'encrypted_secrets', CASE WHEN old_secret_until > current_moment()
        THEN jsonb_build_array(encrypted_secret, encrypted_old_secret)
        ELSE jsonb_build_array(encrypted_secret) END,
      'event', to_jsonb(events))
    FROM webhook_messages AS messages
    JOIN webhooks ON webhooks.org_id = p_delivery.org_id AND webhooks.id = webhook_id
    JOIN events ON events.org_id = p_delivery.org_id AND events.transaction_id = messages.transaction_id
      AND events.id = messages.event_id
    WHERE messages.org_id = p_delivery.org_id AND messages.id = p_delivery.subject_id);
END $$;
REVOKE ALL ON FUNCTION webhook_details FROM PUBLIC;

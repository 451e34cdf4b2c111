-- Purpose: what is needed to send a webhook's message.
CREATE FUNCTION webhook_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('message_id', id, 'webhook_id', webhook_id)
    FROM webhook_messages WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id);
END $$;
REVOKE ALL ON FUNCTION webhook_details FROM PUBLIC;

-- Purpose: a webhook as staff see it. Never its secret.
CREATE FUNCTION webhook_document(p_webhook webhooks) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'id', p_webhook.id, 'url', p_webhook.url, 'kinds', to_jsonb(p_webhook.kinds),
    'status', p_webhook.status, 'failing_since', p_webhook.failing_since,
    'old_secret_until', CASE
      WHEN p_webhook.old_secret_until > current_moment() THEN p_webhook.old_secret_until END,
    'version', p_webhook.version, 'created_at', p_webhook.created_at, 'updated_at', p_webhook.updated_at);
END $$;
REVOKE ALL ON FUNCTION webhook_document FROM PUBLIC;

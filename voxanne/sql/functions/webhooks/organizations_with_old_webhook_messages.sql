-- Purpose: where sweep_webhook_messages has work. Ids only, in no order, so that with more of them than
--   p_limit each has its turn.
-- Cost: an index probe for each webhook.
CREATE FUNCTION organizations_with_old_webhook_messages(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_before timestamptz := current_moment() - webhook_retention();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(org_id), '[]') FROM (
      SELECT org_id FROM webhooks
      WHERE status = 'removed' OR EXISTS (
        SELECT FROM webhook_messages
        WHERE webhook_messages.org_id = webhooks.org_id AND created_at < v_before)
      GROUP BY org_id
      ORDER BY gen_random_uuid() LIMIT p_limit
    ) AS old);
END $$;
REVOKE ALL ON FUNCTION organizations_with_old_webhook_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_old_webhook_messages TO voxanne_api;

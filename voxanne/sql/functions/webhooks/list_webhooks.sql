-- Purpose: the clinic's webhooks, or one. There are never so many that it would take pages.
-- Outcomes: {"success", "items"}; NOT_FOUND for one that isn't there.
CREATE FUNCTION list_webhooks(p_org_id uuid, p_webhook_id uuid DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_items json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT json_agg(webhook_document(webhooks) ORDER BY created_at, id) INTO v_items
  FROM webhooks
  WHERE org_id = p_org_id AND status <> 'removed' AND (p_webhook_id IS NULL OR id = p_webhook_id);
  IF v_items IS NULL AND p_webhook_id IS NOT NULL THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'items', coalesce(v_items, '[]'));
END $$;
REVOKE ALL ON FUNCTION list_webhooks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_webhooks TO voxanne_api;

-- Purpose: a page of what went to a webhook and what became of it, newest event first.
-- Guarantees: at most 201 rows.
-- Outcomes: {"success", "items"}; NOT_FOUND.
CREATE FUNCTION list_webhook_messages(
  p_org_id uuid, p_webhook_id uuid, p_status text DEFAULT NULL,
  p_after_transaction xid8 DEFAULT NULL, p_after_event bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (
      SELECT FROM webhooks WHERE org_id = p_org_id AND id = p_webhook_id AND status <> 'removed') THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(jsonb_agg(
      delivery_document(page.delivery) || jsonb_build_object(
        'transaction_id', page.transaction_id, 'event_id', page.event_id, 'event_kind', page.event_kind)
      ORDER BY page.transaction_id DESC, page.event_id DESC), '[]')
    FROM (
      SELECT deliveries AS delivery, messages.transaction_id, messages.event_id, events.kind AS event_kind
      FROM webhook_messages AS messages
      JOIN deliveries ON deliveries.org_id = p_org_id AND subject_id = messages.id
        AND deliveries.kind = 'webhook'
      JOIN events ON events.org_id = p_org_id AND events.transaction_id = messages.transaction_id
        AND events.id = messages.event_id
      WHERE messages.org_id = p_org_id AND webhook_id = p_webhook_id
        AND (p_status IS NULL OR status = p_status)
        AND (p_after_transaction IS NULL
             OR (messages.transaction_id, messages.event_id) < (p_after_transaction, p_after_event))
      ORDER BY messages.transaction_id DESC, messages.event_id DESC
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_webhook_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_webhook_messages TO voxanne_api;

-- Purpose: a message to try a webhook with, also one that is turned off.
-- Outcomes: {"success", "message_id"}; NOT_FOUND.
CREATE FUNCTION ping_webhook(p_org_id uuid, p_webhook_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_found record;
  v_event events;
  v_message uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_found FROM lock_webhook(p_org_id, p_webhook_id, NULL);
  IF v_found.p_refused IS NOT NULL THEN
    RETURN v_found.p_refused;
  END IF;
  v_now := current_moment();
  INSERT INTO events (org_id, kind, data, created_at)
  VALUES (p_org_id, 'webhook_pinged', jsonb_build_object('webhook_id', p_webhook_id), v_now)
  RETURNING * INTO v_event;
  v_message := webhook_message_id(p_webhook_id, v_event.transaction_id, v_event.id);
  INSERT INTO webhook_messages (org_id, id, webhook_id, transaction_id, event_id, created_at)
  VALUES (p_org_id, v_message, p_webhook_id, v_event.transaction_id, v_event.id, v_now);
  INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, created_at, updated_at)
  VALUES (p_org_id, v_message, 'webhook', 1, v_now, v_now, v_now);
  RETURN json_build_object('success', true, 'message_id', v_message);
END $$;
REVOKE ALL ON FUNCTION ping_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ping_webhook TO voxanne_api;

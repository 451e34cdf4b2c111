-- Purpose: a webhook is to be told again, from a moment or an event on. Its place in the event log goes
-- back there, and queue_webhook_messages goes on from it; ids stay the same.
-- Guarantees: no further back than messages are kept; never forward.
-- Outcomes: {"success", "from_event"}, NULL where nothing happened since; NOT_FOUND, INVALID_ARGUMENTS.
CREATE FUNCTION replay_webhook(
  p_org_id uuid, p_webhook_id uuid, p_from timestamptz DEFAULT NULL, p_transaction xid8 DEFAULT NULL,
  p_event bigint DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_found record;
  v_oldest timestamptz := current_moment() - webhook_retention();
  v_event events;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF (p_from IS NULL) = (p_transaction IS NULL) OR (p_transaction IS NULL) <> (p_event IS NULL) THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT * INTO v_found FROM lock_webhook(p_org_id, p_webhook_id, NULL);
  IF v_found.p_refused IS NOT NULL THEN
    RETURN v_found.p_refused;
  END IF;
  SELECT * INTO v_event FROM first_event(p_org_id, greatest(p_from, v_oldest));
  IF (p_transaction, p_event) > (v_event.transaction_id, v_event.id) THEN
    v_event.transaction_id := p_transaction;
    v_event.id := p_event;
  END IF;
  UPDATE webhooks SET read_transaction = v_event.transaction_id, read_event = v_event.id - 1
  WHERE org_id = p_org_id AND id = p_webhook_id
    AND (v_event.transaction_id, v_event.id - 1) < (read_transaction, read_event);
  RETURN json_build_object('success', true, 'from_event', CASE WHEN v_event.id IS NOT NULL
    THEN v_event.transaction_id || '-' || v_event.id END);
END $$;
REVOKE ALL ON FUNCTION replay_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION replay_webhook TO voxanne_api;

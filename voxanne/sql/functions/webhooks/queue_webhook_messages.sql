-- Purpose: the clinic's webhooks are told of the events they haven't been told of, a batch at a time.
-- Guarantees: no event is left out, however late its transaction commits: only what lies below every
--   transaction still open is read, in the log's order, from where the webhook's reading stopped; the
--   messages and the new place commit together. An event met again (replay) keeps its message's id
--   and is sent once more.
-- Lock order: the webhook, skipped when another session has it; then its messages and deliveries.
-- Outcomes: how many events were read; 0: there is nothing left.
CREATE FUNCTION queue_webhook_messages(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_events_max constant integer := 500;     -- of each webhook at once
  v_now timestamptz := current_moment();
  v_webhook webhooks;
  v_events integer;
  v_transaction xid8;
  v_event bigint;
  v_read integer := 0;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  FOR v_webhook IN
    SELECT * FROM webhooks WHERE org_id = p_org_id AND status = 'active' ORDER BY id FOR UPDATE SKIP LOCKED
  LOOP
    IF v_webhook.read_transaction > pg_snapshot_xmax(pg_current_snapshot()) THEN
      -- Restored into a fresh cluster, which counts its transactions anew.
      v_webhook.read_transaction := pg_snapshot_xmin(pg_current_snapshot());
      v_webhook.read_event := 0;
      UPDATE webhooks SET read_transaction = v_webhook.read_transaction, read_event = 0
      WHERE org_id = p_org_id AND id = v_webhook.id;
    END IF;
    WITH unread AS (
      SELECT * FROM events
      WHERE org_id = p_org_id AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        AND (transaction_id, id) > (v_webhook.read_transaction, v_webhook.read_event)
      ORDER BY transaction_id, id
      LIMIT c_events_max
    ), wanted AS (
      SELECT webhook_message_id(v_webhook.id, transaction_id, id) AS message_id, *
      FROM unread
      WHERE kind <> 'webhook_pinged' AND (v_webhook.kinds = '{}' OR kind = ANY (v_webhook.kinds))
    ), messages AS (
      INSERT INTO webhook_messages (org_id, id, webhook_id, transaction_id, event_id, created_at)
      SELECT p_org_id, message_id, v_webhook.id, transaction_id, id, v_now FROM wanted
      ON CONFLICT (org_id, id) DO UPDATE SET created_at = excluded.created_at
    ), queued AS (
      INSERT INTO deliveries AS known (org_id, subject_id, kind, version, due_at, created_at, updated_at)
      SELECT p_org_id, message_id, 'webhook', 1, v_now, created_at, v_now FROM wanted
      ON CONFLICT (org_id, subject_id, kind, version) DO UPDATE SET
        status = 'queued', due_at = v_now, attempts_forgiven = known.attempts, updated_at = v_now
        WHERE known.status IN ('delivered', 'failed', 'voided')
    )
    SELECT count(*) OVER (), transaction_id, id INTO v_events, v_transaction, v_event
    FROM unread ORDER BY transaction_id DESC, id DESC LIMIT 1;
    IF FOUND THEN
      UPDATE webhooks SET read_transaction = v_transaction, read_event = v_event
      WHERE org_id = p_org_id AND id = v_webhook.id;
      v_read := v_read + v_events;
    END IF;
  END LOOP;
  RETURN v_read;
END $$;
REVOKE ALL ON FUNCTION queue_webhook_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queue_webhook_messages TO voxanne_api;

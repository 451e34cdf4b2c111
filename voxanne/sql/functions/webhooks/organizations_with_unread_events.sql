-- Purpose: whose webhooks have events to be told of. Ids only, in no order, so that with more of them
-- than p_limit each has its turn.
-- Cost: an index probe of the event log for each active webhook.
CREATE FUNCTION organizations_with_unread_events(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(org_id), '[]') FROM (
      SELECT org_id FROM webhooks
      WHERE status = 'active' AND (
        read_transaction > pg_snapshot_xmax(pg_current_snapshot()) OR EXISTS (
          SELECT FROM events
          WHERE events.org_id = webhooks.org_id
            AND (events.transaction_id, events.id) > (read_transaction, read_event)
            AND events.transaction_id < pg_snapshot_xmin(pg_current_snapshot())))
      GROUP BY org_id
      ORDER BY gen_random_uuid()
      LIMIT p_limit
    ) AS unread);
END $$;
REVOKE ALL ON FUNCTION organizations_with_unread_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_unread_events TO voxanne_api;

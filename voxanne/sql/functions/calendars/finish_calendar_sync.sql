-- Purpose: what was read of a calendar: the time it keeps, and where to go on from; all or none.
-- p_events: [{"id", "starts_at", "ends_at", "busy"}]; whatever is known of an id, or of a series of that
--   id, is replaced by what comes with it. p_full: there is nothing else; all before is replaced.
-- Outcomes: {"success", "stored": the lease was still the caller's}.
CREATE FUNCTION finish_calendar_sync(
  p_org_id uuid, p_connection_id uuid, p_round bigint, p_full boolean, p_events jsonb, p_sync_token text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET
    sync_token = p_sync_token, synced_at = v_now, sync_leased_until = NULL, sync_failures = 0,
    full_synced_at = CASE WHEN p_full THEN v_now ELSE full_synced_at END,
    error_code = NULL, error = NULL, updated_at = v_now
  WHERE org_id = p_org_id AND id = p_connection_id AND sync_round = p_round AND status = 'connected';
  IF NOT FOUND THEN
    RETURN json_build_object('success', true, 'stored', false);
  END IF;
  DELETE FROM busy_times
  WHERE org_id = p_org_id AND connection_id = p_connection_id AND (p_full OR EXISTS (
    SELECT FROM jsonb_array_elements(p_events) AS event
    WHERE event_id = event ->> 'id' OR starts_with(event_id, (event ->> 'id') || '_')));
  INSERT INTO busy_times (org_id, connection_id, event_id, starts_at, ends_at)
  SELECT p_org_id, p_connection_id, event ->> 'id', (event ->> 'starts_at')::timestamptz,
    (event ->> 'ends_at')::timestamptz
  FROM jsonb_array_elements(p_events) AS event
  WHERE (event ->> 'busy')::boolean AND (event ->> 'starts_at')::timestamptz < (event ->> 'ends_at')::timestamptz
  ON CONFLICT DO NOTHING;
  RETURN json_build_object('success', true, 'stored', true);
END $$;
REVOKE ALL ON FUNCTION finish_calendar_sync FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finish_calendar_sync TO voxanne_api;

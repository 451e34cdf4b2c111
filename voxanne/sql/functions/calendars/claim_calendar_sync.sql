-- Purpose: takes a clinic's calendars that are to be read now, for p_lease_seconds.
-- Guarantees: nobody else is given the same while the lease lasts. A day after it was last read from
--   the ground up it is again: the window moves on, and a vendor's deltas are known to miss things.
-- Outcomes: {"success", "calendars": [{"connection", "round": fences the lease, "sync_token" (NULL: read
--   everything), "window_starts_at", "window_ends_at", "claimed_at", "channel_id", …}]}.
CREATE FUNCTION claim_calendar_sync(p_org_id uuid, p_limit integer, p_lease_seconds integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_poll constant interval := '5 minutes';
  c_full constant interval := '1 day';
  c_window_max constant integer := 400;     -- days ahead
  v_now timestamptz := current_moment();
  v_calendars json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  WITH due AS (
    SELECT id FROM calendar_connections
    WHERE org_id = p_org_id AND status = 'connected' AND sync_due_at <= v_now
      AND coalesce(sync_leased_until <= v_now, true)
    ORDER BY sync_due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE calendar_connections AS connection SET
      sync_round = sync_round + 1, sync_due_at = v_now + c_poll,
      sync_leased_until = v_now + make_interval(secs => p_lease_seconds)
    FROM due WHERE connection.org_id = p_org_id AND connection.id = due.id
    RETURNING connection AS row
  )
  SELECT json_agg(json_build_object(
      'connection', connection_details(claimed.row), 'round', (claimed.row).sync_round,
      'sync_token', CASE WHEN (claimed.row).full_synced_at > v_now - c_full THEN (claimed.row).sync_token END,
      'window_starts_at', v_now - interval '1 day',
      'window_ends_at', v_now + make_interval(hours => 24 * least(horizon_days + 3, c_window_max)),
      'claimed_at', v_now, 'channel_id', (claimed.row).channel_id,
      'channel_resource', (claimed.row).channel_resource,
      'channel_expires_at', (claimed.row).channel_expires_at))
  INTO v_calendars
  FROM claimed JOIN organizations ON organizations.id = p_org_id;
  RETURN json_build_object('success', true, 'calendars', coalesce(v_calendars, '[]'));
END $$;
REVOKE ALL ON FUNCTION claim_calendar_sync FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_calendar_sync TO voxanne_api;

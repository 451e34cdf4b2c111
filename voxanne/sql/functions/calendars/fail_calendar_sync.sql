-- Purpose: a calendar couldn't be read this time. Tried again ever less often, but every five minutes;
-- staff are told when the mirror has become older than the clinic allows.
-- p_retry_seconds: the vendor's own wish; NULL: none.
CREATE FUNCTION fail_calendar_sync(
  p_org_id uuid, p_connection_id uuid, p_round bigint, p_error_code text, p_error text,
  p_retry_seconds double precision DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_first constant double precision := 15;
  c_longest constant double precision := 300;
  v_now timestamptz := current_moment();
  v_failed calendar_connections;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET
    sync_leased_until = NULL, sync_failures = sync_failures + 1,
    sync_due_at = v_now + make_interval(secs => greatest(
      least(c_first * 2 ^ least(sync_failures, 10), c_longest), least(coalesce(p_retry_seconds, 0), 3600))),
    error_code = left(p_error_code, 50), error = left(p_error, 500), updated_at = v_now
  WHERE org_id = p_org_id AND id = p_connection_id AND sync_round = p_round AND status = 'connected'
  RETURNING * INTO v_failed;
  IF coalesce(v_failed.synced_at, v_failed.created_at) <= v_now - make_interval(mins => (
      SELECT calendar_stale_minutes FROM organizations WHERE id = p_org_id)) THEN
    PERFORM store_alert(p_org_id, 'calendar_stale', NULL, NULL, NULL, v_now);
  END IF;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION fail_calendar_sync FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fail_calendar_sync TO voxanne_api;

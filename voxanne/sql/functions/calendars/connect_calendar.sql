-- Purpose: a practitioner's calendar, or the clinic's (p_practitioner_id NULL), is connected.
-- Guarantees: one live connection each. The same calendar again mends the one there is; another one
--   takes its place. What is to come and what was parked goes into it, and is verified anew.
-- p_credentials: encrypted. Outcomes: {"success", "id", "replaced": another calendar was connected}.
CREATE FUNCTION connect_calendar(
  p_org_id uuid, p_practitioner_id uuid, p_vendor text, p_calendar text, p_account text,
  p_credentials bytea, p_access_expires_at timestamptz DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_before calendar_connections;
  v_id uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF coalesce(p_vendor, '') NOT IN ('google', 'caldav') OR length(p_account) > 320
    OR coalesce(length(p_calendar), 0) NOT BETWEEN 1 AND 2000 OR p_credentials IS NULL THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF p_practitioner_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM practitioners WHERE org_id = p_org_id AND id = p_practitioner_id AND NOT implicit) THEN
    RETURN refusal('UNKNOWN_PRACTITIONER');
  END IF;
  SELECT * INTO v_before FROM calendar_connections
  WHERE org_id = p_org_id AND coalesce(practitioner_id, org_id) = coalesce(p_practitioner_id, p_org_id)
    AND status <> 'disconnected'
  FOR UPDATE;
  IF (v_before.vendor, v_before.calendar) = (p_vendor, p_calendar) THEN
    v_id := v_before.id;
    UPDATE calendar_connections SET
      credentials = p_credentials, access_expires_at = p_access_expires_at, account = p_account,
      credentials_version = credentials_version + 1, refresh_leased_until = NULL,
      status = 'connected', error_code = NULL, error = NULL,
      sync_token = NULL, full_synced_at = NULL, sync_round = sync_round + 1, sync_leased_until = NULL,
      sync_due_at = v_now, sync_failures = 0, channel_id = NULL, channel_token_hash = NULL,
      channel_expires_at = NULL, updated_at = v_now
    WHERE org_id = p_org_id AND id = v_id;
    -- It may be another account's calendar of the same name: what isn't in it was not deleted by staff.
    DELETE FROM calendar_events WHERE org_id = p_org_id AND connection_id = v_id;
  ELSE
    PERFORM drop_connection(p_org_id, v_before.id, v_now);
    INSERT INTO calendar_connections
      (org_id, practitioner_id, vendor, calendar, account, credentials, access_expires_at,
       sync_due_at, created_at, updated_at)
    VALUES (p_org_id, p_practitioner_id, p_vendor, p_calendar, p_account, p_credentials,
            p_access_expires_at, v_now, v_now, v_now)
    RETURNING id INTO v_id;
  END IF;
  PERFORM queue_calendars(p_org_id, v_now);
  RETURN json_build_object(
    'success', true, 'id', v_id, 'replaced', v_before.id IS NOT NULL AND v_before.id <> v_id);
END $$;
REVOKE ALL ON FUNCTION connect_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION connect_calendar TO voxanne_api;

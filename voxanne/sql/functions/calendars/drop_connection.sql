-- Purpose: a calendar is no longer ours to write or read: its credentials and its mirror go. The
-- events that are in it stay there.
CREATE FUNCTION drop_connection(p_org_id uuid, p_connection_id uuid, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE calendar_connections SET
    status = 'disconnected', credentials = NULL, credentials_version = credentials_version + 1,
    sync_token = NULL, channel_id = NULL, channel_token_hash = NULL, updated_at = p_moment
  WHERE org_id = p_org_id AND id = p_connection_id;
  DELETE FROM busy_times WHERE org_id = p_org_id AND connection_id = p_connection_id;
  DELETE FROM calendar_events WHERE org_id = p_org_id AND connection_id = p_connection_id;
END $$;
REVOKE ALL ON FUNCTION drop_connection FROM PUBLIC;

-- Purpose: the channel on which a vendor says that a calendar changed.
-- p_token_hash: of the secret that its messages carry.
CREATE FUNCTION store_calendar_channel(
  p_org_id uuid, p_connection_id uuid, p_channel_id uuid, p_resource text, p_token_hash bytea,
  p_expires_at timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET
    channel_id = p_channel_id, channel_resource = p_resource, channel_token_hash = p_token_hash,
    channel_expires_at = p_expires_at, updated_at = current_moment()
  WHERE org_id = p_org_id AND id = p_connection_id AND status = 'connected';
  RETURN json_build_object('success', true, 'stored', FOUND);
END $$;
REVOKE ALL ON FUNCTION store_calendar_channel FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_calendar_channel TO voxanne_api;

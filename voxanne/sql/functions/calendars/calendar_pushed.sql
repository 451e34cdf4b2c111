-- Purpose: a vendor says that a calendar changed: it is read next.
-- p_token: the secret we gave the channel. Outcomes: {"success"}; or NOT_FOUND, with nothing changed.
CREATE FUNCTION calendar_pushed(p_org_id uuid, p_connection_id uuid, p_channel_id uuid, p_token text)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  UPDATE calendar_connections SET sync_due_at = least(sync_due_at, v_now)
  WHERE org_id = p_org_id AND id = p_connection_id AND channel_id = p_channel_id
    -- Hashes: how long comparing them takes tells nothing about the secret.
    AND channel_token_hash = sha256(convert_to(p_token, 'UTF8')) AND status = 'connected';
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION calendar_pushed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calendar_pushed TO voxanne_api;

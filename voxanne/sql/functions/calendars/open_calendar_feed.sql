-- Purpose: a practitioner's calendar can be read at a new address, and no longer at an earlier one.
-- p_token_hash: SHA-256 of the address's token; the token itself isn't kept.
-- Outcomes: {"success", "practitioner_id", "practitioner_name"}; UNKNOWN_PRACTITIONER;
--   INVALID_ARGUMENTS.
CREATE FUNCTION open_calendar_feed(p_org_id uuid, p_practitioner_id uuid, p_token_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_name text;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF (length(p_token_hash) = 32) IS NOT TRUE THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT name INTO v_name FROM practitioners
  WHERE org_id = p_org_id AND id = p_practitioner_id AND active;
  IF NOT FOUND THEN
    RETURN refusal('UNKNOWN_PRACTITIONER');
  END IF;
  INSERT INTO calendar_feeds (org_id, practitioner_id, token_hash, created_at)
  VALUES (p_org_id, p_practitioner_id, p_token_hash, v_now)
  ON CONFLICT (org_id, practitioner_id) DO UPDATE
    SET token_hash = excluded.token_hash, created_at = excluded.created_at;
  RETURN json_build_object(
    'success', true, 'practitioner_id', p_practitioner_id, 'practitioner_name', v_name,
    'created_at', v_now);
END $$;
REVOKE ALL ON FUNCTION open_calendar_feed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_calendar_feed TO voxanne_api;

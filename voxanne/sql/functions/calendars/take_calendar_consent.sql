-- Purpose: somebody came back from the consent page. Each state is good once.
-- Outcomes: {"success", "practitioner_id", "calendar", "encrypted_verifier"}; or NOT_FOUND.
CREATE FUNCTION take_calendar_consent(p_org_id uuid, p_state_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_state oauth_states;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM oauth_states WHERE org_id = p_org_id AND state_hash = p_state_hash RETURNING * INTO v_state;
  IF NOT FOUND OR v_state.expires_at <= current_moment() THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object(
    'success', true, 'practitioner_id', v_state.practitioner_id, 'calendar', v_state.calendar,
    'encrypted_verifier', encode(v_state.encrypted_verifier, 'base64'));
END $$;
REVOKE ALL ON FUNCTION take_calendar_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_calendar_consent TO voxanne_api;

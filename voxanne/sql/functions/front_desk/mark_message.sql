-- Purpose: the front desk has dealt with a message ('done'), or has it before it again ('new').
-- Outcomes: {"success", "message"}; NOT_FOUND; INVALID_ARGUMENTS.
CREATE FUNCTION mark_message(p_org_id uuid, p_message_id uuid, p_status text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_message messages;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_status IS NULL OR p_status NOT IN ('new', 'done') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  UPDATE messages SET status = p_status
  WHERE org_id = p_org_id AND id = p_message_id
  RETURNING * INTO v_message;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true, 'message', to_jsonb(v_message) - 'org_id');
END $$;
REVOKE ALL ON FUNCTION mark_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_message TO voxanne_api;

-- Purpose: keeps a caller's message for the front desk; a pressing one alerts them.
-- Outcomes: {"success", "message_id", "replayed"}; or INVALID_ARGUMENTS, INVALID_PHONE, INVALID_NAME.
CREATE FUNCTION take_message(
  p_org_id uuid, p_body text, p_name text DEFAULT NULL, p_caller_phone text DEFAULT NULL,
  p_callback_phone text DEFAULT NULL, p_urgency text DEFAULT 'normal', p_call_id text DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL, p_request_hash text DEFAULT NULL,
  p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_hash text := coalesce(p_request_hash, md5(jsonb_build_array(
    'take_message', p_body, p_name, p_caller_phone, p_callback_phone, p_urgency)::text));
  v_now timestamptz;
  v_message uuid;
  v_refused text;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refused := CASE
    WHEN NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN 'INVALID_ORGANIZATION'
    WHEN coalesce(length(btrim(p_body)), 0) NOT BETWEEN 1 AND 2000
      OR coalesce(p_urgency, '') NOT IN ('low', 'normal', 'high', 'emergency') OR p_source IS NULL
      OR length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source)) > 1000
      OR length(p_idempotency_key) NOT BETWEEN 1 AND 300 THEN 'INVALID_ARGUMENTS'
    WHEN p_name ~ '\S' AND normalize_name(p_name) IS NULL THEN 'INVALID_NAME'
    WHEN p_callback_phone ~ '\S' AND normalize_phone(p_callback_phone) IS NULL THEN 'INVALID_PHONE'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  PERFORM lock_diary(p_org_id, NULL, p_idempotency_key, '{}', false, true);
  v_now := current_moment();
  v_result := replayed_request(p_org_id, p_idempotency_key, v_hash);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  INSERT INTO messages (org_id, caller_phone, callback_phone, name, body, urgency, call_id, created_at)
  VALUES (p_org_id, normalize_phone(p_caller_phone), normalize_phone(p_callback_phone),
          normalize_name(p_name), btrim(p_body), p_urgency, p_call_id, v_now)
  RETURNING id INTO v_message;
  INSERT INTO events (org_id, kind, call_id, data, created_at)
  VALUES (p_org_id, 'message_taken', p_call_id,
          jsonb_build_object('message_id', v_message, 'urgency', p_urgency), v_now);
  IF p_urgency IN ('high', 'emergency') THEN
    PERFORM raise_alert(p_org_id, p_urgency || '_message', left(p_call_id, 200), v_message);
  END IF;
  RETURN remember_request(p_org_id, p_idempotency_key, v_hash, json_build_object(
    'success', true, 'message_id', v_message, 'replayed', false,
    'message', 'The message is kept for the front desk', 'created_at', v_now), v_now);
END $$;
REVOKE ALL ON FUNCTION take_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_message TO voxanne_api;

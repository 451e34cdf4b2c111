-- Purpose: keeps what a voice platform reported about a call: one row per call and type, the newest;
--   and what it says of the call itself (record_call.sql).
-- Guarantees: a repeated or late message neither adds a row nor replaces a newer one; of a call whose words
--   are gone, by erasure or by age, nothing is kept again.
-- Lock order: the holds', then the call's row.
-- A call that is heard of is alive, and its holds with it; the end of a call releases them.
-- Outcomes: true when it was kept.
CREATE FUNCTION record_voice_message(
  p_org_id uuid, p_call_id text, p_type text, p_payload jsonb, p_sent_at timestamptz,
  p_report jsonb DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_kept boolean;
  v_stripped_at timestamptz;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN false;
  END IF;
  IF p_type = 'end-of-call-report' OR p_type = 'status-update' AND p_payload ->> 'status' = 'ended' THEN
    PERFORM release_holds(p_org_id, p_call_id);
  ELSE
    PERFORM extend_holds(p_org_id, p_call_id);
  END IF;
  -- Whoever it was with may be erased just now: what comes after that isn't kept.
  SELECT stripped_at INTO v_stripped_at FROM calls
  WHERE org_id = p_org_id AND call_id = p_call_id FOR UPDATE;
  IF v_stripped_at IS NOT NULL THEN
    RETURN false;
  END IF;
  INSERT INTO voice_messages AS kept (org_id, call_id, type, payload, sent_at, received_at, unrecorded)
  VALUES (p_org_id, p_call_id, p_type, p_payload, p_sent_at, current_moment(), p_report IS NULL)
  ON CONFLICT (org_id, call_id, type) DO UPDATE
    SET payload = excluded.payload, sent_at = excluded.sent_at, received_at = excluded.received_at
    WHERE kept.sent_at IS NULL OR kept.sent_at < excluded.sent_at;
  v_kept := FOUND;
  IF p_report IS NOT NULL THEN
    PERFORM record_call(p_org_id, p_call_id, p_type, v_kept, p_report);
  END IF;
  RETURN v_kept;
END $$;
REVOKE ALL ON FUNCTION record_voice_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_voice_message TO voxanne_api;

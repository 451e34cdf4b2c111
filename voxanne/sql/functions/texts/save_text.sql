-- Purpose: what is about to be sent, word for word, before the vendor is asked: whatever happens then,
-- it is known what to look for.
-- Outcomes: the text's id; NULL: the attempt's lease ran out, and it must not be sent.
CREATE FUNCTION save_text(
  p_org_id uuid, p_subject_id uuid, p_kind text, p_version integer, p_attempt integer,
  p_our_number text, p_their_number text, p_body text
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_text uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  -- Locked, so that nothing is written down any more once it was kept back (silence_deliveries).
  PERFORM FROM deliveries
  WHERE org_id = p_org_id AND subject_id = p_subject_id AND kind = p_kind AND version = p_version
    AND status || '' = 'sending' AND attempts = p_attempt   -- by its key, not by deliveries_due
  FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF p_kind = 'sms_reply' THEN
    UPDATE texts SET our_number = p_our_number, body = p_body, attempt = p_attempt, tried_at = v_now,
      external_id = NULL, status = NULL
    WHERE org_id = p_org_id AND id = p_subject_id AND coalesce(attempt, 0) <= p_attempt
    RETURNING id INTO v_text;
    RETURN v_text;
  END IF;
  INSERT INTO texts AS known (org_id, direction, our_number, their_number, body, appointment_id, kind,
                              version, attempt, tried_at, created_at)
  VALUES (p_org_id, 'out', p_our_number, p_their_number, p_body, p_subject_id, p_kind, p_version,
          p_attempt, v_now, v_now)
  ON CONFLICT (org_id, appointment_id, kind, version) WHERE direction = 'out' AND kind <> 'sms_reply'
  DO UPDATE SET our_number = excluded.our_number, their_number = excluded.their_number,
    body = excluded.body, attempt = excluded.attempt, tried_at = v_now, external_id = NULL, status = NULL
  WHERE known.attempt <= excluded.attempt
  RETURNING id INTO v_text;
  RETURN v_text;
END $$;
REVOKE ALL ON FUNCTION save_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_text TO voxanne_api;

-- Purpose: a text message came in: what it asks for is done and answered, in one transaction.
-- p_meaning, by voxanne/texts/replies.py: 'confirm', 'reschedule', 'cancel', 'digit' (with p_digit),
--   'opt_out', 'opt_in', 'help' (with p_word), 'yes' (confirms, or opts in again), 'unknown'.
-- Guarantees: the same p_external_id is taken once; only what belongs to this organization and number
--   is touched.
-- Lock order: that of lock_diary, whose caller is the sender.
-- Outcomes: {"success", "text_id", "answer", "replayed"}; or NOT_FOUND: p_our_number isn't the
--   clinic's; INVALID_PHONE, INVALID_ARGUMENTS.
CREATE FUNCTION take_text(
  p_org_id uuid, p_external_id text, p_our_number text, p_their_number text, p_body text,
  p_meaning text, p_digit integer DEFAULT NULL, p_word text DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_theirs text := normalize_phone(p_their_number);
  v_now timestamptz;
  v_text uuid;
  v_meaning text := p_meaning;
  v_answer text;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (
      SELECT FROM sms_accounts WHERE org_id = p_org_id AND number = normalize_phone(p_our_number)) THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_theirs IS NULL THEN
    RETURN refusal('INVALID_PHONE');
  ELSIF coalesce(length(p_external_id), 0) NOT BETWEEN 1 AND 100 OR coalesce(p_meaning, '') NOT IN (
      'confirm', 'reschedule', 'cancel', 'digit', 'opt_out', 'opt_in', 'help', 'yes', 'unknown')
     OR p_meaning = 'digit' AND coalesce(p_digit, 0) NOT BETWEEN 1 AND 9 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  PERFORM lock_diary(p_org_id, v_theirs, NULL, '{}', false, true);
  v_now := current_moment();
  INSERT INTO texts (org_id, direction, our_number, their_number, body, external_id, created_at)
  VALUES (p_org_id, 'in', normalize_phone(p_our_number), v_theirs, left(coalesce(p_body, ''), 2000),
          p_external_id, v_now)
  ON CONFLICT (org_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
  RETURNING id INTO v_text;
  IF v_text IS NULL THEN
    RETURN json_build_object('success', true, 'text_id', NULL, 'answer', NULL, 'replayed', true);
  END IF;
  INSERT INTO events (org_id, kind, data, created_at)
  VALUES (p_org_id, 'text_received', jsonb_build_object('text_id', v_text), v_now);
  IF v_meaning = 'yes' THEN
    v_meaning := CASE WHEN wants_no_texts(p_org_id, v_theirs) THEN 'opt_in' ELSE 'confirm' END;
  END IF;
  IF v_meaning IN ('opt_out', 'opt_in', 'help') THEN
    PERFORM take_consent_word(p_org_id, v_theirs, v_meaning, p_word, v_now);
  ELSE
    v_answer := answer_text(p_org_id, normalize_phone(p_our_number), v_theirs, v_meaning, p_digit, v_now);
  END IF;
  RETURN json_build_object('success', true, 'text_id', v_text, 'answer', v_answer, 'replayed', false);
END $$;
REVOKE ALL ON FUNCTION take_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_text TO voxanne_api;

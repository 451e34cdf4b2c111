-- Purpose: a text is answered. What the answer says is written when it is sent.
-- p_answer: which of our answers. p_choices: of a question, what the next digit chooses.
-- Guarantees: never more than so many a day to a number, and fewer that only say what we don't know:
--   who answers us may be a machine too.
-- Outcomes: whether it is answered.
CREATE FUNCTION queue_reply(
  p_org_id uuid, p_our_number text, p_their_number text, p_answer text, p_appointment_id uuid,
  p_choices jsonb, p_moment timestamptz
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_replies_a_day_max constant integer := 20;
  c_courtesies_a_day_max constant integer := 3;
  v_courtesies constant text[] := '{nothing_upcoming,not_understood}';
  v_replies integer;
  v_courteous integer;
  v_text uuid;
BEGIN
  SELECT count(*), count(*) FILTER (WHERE answer = ANY (v_courtesies)) INTO v_replies, v_courteous
  FROM texts
  WHERE org_id = p_org_id AND their_number = p_their_number AND kind = 'sms_reply'
    AND created_at > p_moment - interval '1 day';
  IF v_replies >= c_replies_a_day_max
     OR p_answer = ANY (v_courtesies) AND v_courteous >= c_courtesies_a_day_max THEN
    RETURN false;
  END IF;
  INSERT INTO texts (org_id, direction, our_number, their_number, appointment_id, kind, version, answer,
                     choices, created_at)
  VALUES (p_org_id, 'out', p_our_number, p_their_number, p_appointment_id, 'sms_reply', 1, p_answer,
          p_choices, p_moment)
  RETURNING id INTO v_text;
  INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, lapses_at, created_at, updated_at)
  VALUES (p_org_id, v_text, 'sms_reply', 1, p_moment, p_moment + interval '1 day', p_moment, p_moment);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION queue_reply FROM PUBLIC;

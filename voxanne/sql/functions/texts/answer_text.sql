-- Purpose: decides what a text means here and now, does it, and queues the answer.
-- A digit answers the question we asked last, if that was within the hour; else 1, 2 and 3 are as
-- good as C, R and X. Of several things it could be about, which one is asked; but who was offered a
-- time by our last message answers that.
-- Outcomes: which of our answers; 'done' when what was done is told by itself.
CREATE FUNCTION answer_text(
  p_org_id uuid, p_our_number text, p_their_number text, p_meaning text, p_digit integer,
  p_moment timestamptz
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_question_lasts constant interval := '1 hour';
  c_choices_max constant integer := 9;
  v_action text := CASE WHEN p_meaning = 'digit' THEN (ARRAY['confirm', 'reschedule', 'cancel'])[p_digit]
                        WHEN p_meaning <> 'unknown' THEN p_meaning END;
  v_last texts;
  v_asked boolean;
  v_could uuid[];
  v_chosen uuid;
  v_offer uuid;
  v_choices jsonb;
  v_answer text;
BEGIN
  SELECT * INTO v_last FROM texts
  WHERE org_id = p_org_id AND their_number = p_their_number AND direction = 'out'
  ORDER BY place DESC LIMIT 1;
  v_asked := v_last.choices IS NOT NULL AND v_last.answered_at IS NULL
    AND v_last.created_at > p_moment - c_question_lasts;
  IF v_asked AND p_meaning = 'digit' THEN
    v_action := v_last.choices ->> 'action';
    v_chosen := (v_last.choices -> 'appointments' ->> (p_digit - 1))::uuid;
  END IF;
  SELECT array_agg(appointment_id) INTO v_could
  FROM answerable_appointments(p_org_id, p_their_number, p_moment)
  WHERE waitlist_id IS NULL OR v_action IS DISTINCT FROM 'reschedule';
  IF v_asked AND (v_action IS NULL OR p_meaning = 'digit' AND v_chosen IS NULL) THEN
    v_answer := 'which';                                     -- once more
    v_choices := v_last.choices;
  ELSIF v_action IS NULL THEN
    v_answer := 'not_understood';
  ELSIF v_could IS NULL OR v_chosen <> ALL (v_could) THEN
    v_answer := CASE
      WHEN v_last.kind IS DISTINCT FROM 'sms_waitlist_offer' THEN 'nothing_upcoming'
      WHEN v_action = 'reschedule' THEN 'not_understood'     -- an offer is taken or declined
      ELSE 'offer_gone' END;
  ELSIF v_chosen IS NULL AND v_last.kind = 'sms_waitlist_offer' AND v_last.appointment_id = ANY (v_could) THEN
    v_chosen := v_last.appointment_id;
  ELSIF v_chosen IS NULL AND cardinality(v_could) > 1 THEN
    v_answer := 'which';
    v_choices := jsonb_build_object('action', v_action, 'appointments', to_jsonb(v_could[:c_choices_max]));
  ELSE
    v_chosen := coalesce(v_chosen, v_could[1]);
  END IF;
  IF v_answer IS NULL THEN
    UPDATE texts SET answered_at = p_moment WHERE org_id = p_org_id AND id = v_last.id AND v_asked;
    SELECT waitlist_id INTO v_offer
    FROM answerable_appointments(p_org_id, p_their_number, p_moment) WHERE appointment_id = v_chosen;
    v_answer := carry_out_reply(p_org_id, v_action, v_chosen, v_offer, p_their_number);
  END IF;
  IF v_answer IS NOT NULL AND NOT queue_reply(
      p_org_id, p_our_number, p_their_number, v_answer, v_chosen, v_choices, p_moment) THEN
    RETURN 'limit_reached';
  END IF;
  RETURN coalesce(v_answer, 'done');
END $$;
REVOKE ALL ON FUNCTION answer_text FROM PUBLIC;

-- Purpose: does what a text asked for, with one appointment or offer.
-- p_action: 'confirm', 'reschedule', 'cancel'. p_phone: it was found by (answerable_appointments).
-- Outcomes: which of our answers it is given; NULL: none, since what was done is told by itself.
CREATE FUNCTION carry_out_reply(
  p_org_id uuid, p_action text, p_appointment_id uuid, p_waitlist_id uuid, p_phone text
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_done json;
BEGIN
  IF p_waitlist_id IS NOT NULL AND p_action = 'confirm' THEN
    v_done := accept_offer(p_org_id, p_waitlist_id, p_phone, NULL, 'sms');
    RETURN CASE WHEN NOT (v_done ->> 'success')::boolean THEN 'offer_gone' END;
  ELSIF p_waitlist_id IS NOT NULL THEN
    PERFORM decline_offer(p_org_id, p_waitlist_id, p_phone, 'sms');
    RETURN 'declined';
  ELSIF p_action = 'reschedule' THEN
    RETURN 'reschedule';
  ELSIF p_action = 'cancel' AND EXISTS (
      SELECT FROM organizations WHERE id = p_org_id AND caller_check <> 'none') THEN
    -- A sender can be forged, as a caller can; who gets our answer can't: their page cancels.
    RETURN 'cancel_elsewhere';
  ELSIF p_action = 'cancel' THEN
    -- Whose it is was decided: a contact number isn't the caller's.
    v_done := cancel_appointment(p_org_id, p_appointment_id, p_source => 'sms');
    RETURN CASE WHEN NOT (v_done ->> 'success')::boolean THEN 'cancel_elsewhere' END;
  END IF;
  PERFORM confirm_by_patient(p_org_id, p_appointment_id, p_source => 'sms');
  RETURN 'confirmed';
END $$;
REVOKE ALL ON FUNCTION carry_out_reply FROM PUBLIC;

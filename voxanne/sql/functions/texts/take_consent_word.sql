-- Purpose: a word by which a number opts out, in, or asks for help. The carrier answers these itself.
-- Who texts CANCEL or END has opted out, by the carrier's rules, and probably wants to cancel what is
-- upcoming: staff are told.
CREATE FUNCTION take_consent_word(
  p_org_id uuid, p_phone text, p_kind text, p_word text, p_moment timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_upcoming uuid;
BEGIN
  PERFORM store_consent(p_org_id, p_phone, p_kind, left(p_word, 50), 'text', p_moment);
  IF p_kind = 'opt_out' AND p_word IN ('CANCEL', 'END') THEN
    SELECT appointment_id INTO v_upcoming FROM answerable_appointments(p_org_id, p_phone, p_moment) LIMIT 1;
    IF FOUND THEN
      PERFORM store_alert(p_org_id, 'sms_opt_out_word', NULL, NULL, v_upcoming, p_moment);
    END IF;
  END IF;
END $$;
REVOKE ALL ON FUNCTION take_consent_word FROM PUBLIC;

-- Purpose: may this caller be told of, move or cancel this person's appointments? By the number they
-- call from, and by what else the clinic asks for (organizations.caller_check).
-- Without a number whoever knows the appointment's id may. Staff may always, and so may whoever was
-- proven by something else: the bearer of the appointment's link, an answer to a text message, the
-- clinic's own calendar.
-- Outcomes: NULL; or a refusal: NOT_YOURS, or NEEDS_CONFIRMATION with "needs".
CREATE FUNCTION caller_refusal(
  p_lead leads, p_caller_check text, p_source text, p_caller_phone text, p_caller_name text,
  p_caller_birth_date date
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF p_source IN ('staff', 'link', 'sms', 'calendar') THEN
    RETURN NULL;
  END IF;
  IF p_caller_phone IS NOT NULL AND (p_lead.phone = normalize_phone(p_caller_phone)) IS NOT TRUE THEN
    RETURN refusal('NOT_YOURS');
  END IF;
  IF p_caller_check = 'none' THEN
    RETURN NULL;
  ELSIF coalesce(btrim(p_caller_name), '') = '' THEN
    RETURN refusal('NEEDS_CONFIRMATION', '{"needs": "name"}');
  ELSIF (p_lead.person = person_key(normalize_name(p_caller_name))) IS NOT TRUE THEN
    RETURN refusal('NOT_YOURS');
  ELSIF p_caller_check = 'name' THEN
    RETURN NULL;
  ELSIF p_caller_birth_date IS NULL THEN
    RETURN refusal('NEEDS_CONFIRMATION', '{"needs": "birth_date"}');
  ELSIF p_caller_birth_date IS DISTINCT FROM p_lead.birth_date THEN
    RETURN refusal('NOT_YOURS');
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION caller_refusal FROM PUBLIC;

-- Purpose: a refused outcome as the functions return it. The sentences of SLOT_UNAVAILABLE and
-- INVALID_ORGANIZATION are fixed by contract. Says nothing about any appointment or person.
-- p_details: further fields, as an object.
CREATE FUNCTION refusal(p_code text, p_details jsonb DEFAULT '{}') RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN jsonb_build_object('success', false, 'error', p_code, 'message', CASE p_code
    WHEN 'SLOT_UNAVAILABLE' THEN 'SLOT_UNAVAILABLE: This time slot is already booked'
    WHEN 'INVALID_ORGANIZATION' THEN 'The organization does not exist'
    WHEN 'FORBIDDEN_ORGANIZATION' THEN 'The session belongs to another organization'
    WHEN 'INVALID_PHONE' THEN 'The phone number is not a full international number'
    WHEN 'INVALID_EMAIL' THEN 'The e-mail address is not valid'
    WHEN 'INVALID_NAME' THEN 'The name is missing or can not be a name'
    WHEN 'INVALID_DATE' THEN 'The date and time are missing or not valid'
    WHEN 'INVALID_DURATION' THEN 'The duration must be between 1 and 1440 minutes'
    WHEN 'INVALID_ARGUMENTS' THEN 'An argument is too long or not of its kind'
    WHEN 'DATE_IN_PAST' THEN 'The date and time are in the past'
    WHEN 'TOO_SOON' THEN 'The time is too soon for the notice the clinic needs'
    WHEN 'TOO_FAR_AHEAD' THEN 'The date is further ahead than the clinic books'
    WHEN 'OUTSIDE_HOURS' THEN 'The clinic is closed at that time'
    WHEN 'CALENDAR_STALE' THEN 'The practitioner''s calendar can not be seen at the moment'
    WHEN 'UNKNOWN_SERVICE' THEN 'The clinic does not offer this service'
    WHEN 'UNKNOWN_PRACTITIONER' THEN 'The clinic has no such practitioner'
    WHEN 'NOT_FOUND' THEN 'There is nothing of that kind here'
    WHEN 'NOT_YOURS' THEN 'It belongs to somebody else'
    WHEN 'NEEDS_CONFIRMATION' THEN 'More must be known before this is done'
    WHEN 'HOLD_EXPIRED' THEN 'The hold has lapsed'
    WHEN 'LIMIT_REACHED' THEN 'There are as many already as the clinic allows'
    WHEN 'STALE_VERSION' THEN 'It was changed in the meantime'
    WHEN 'INVALID_HOURS' THEN 'The hours overlap, or end before they begin'
    WHEN 'INVALID_TIMEZONE' THEN 'There is no such time zone'
    WHEN 'IDEMPOTENCY_MISMATCH' THEN 'The idempotency key was used with other arguments'
    WHEN 'UNAUTHORIZED' THEN 'Only staff may do this, and overbook with a reason'
  END, 'created_at', current_moment()) || p_details;
END $$;
REVOKE ALL ON FUNCTION refusal FROM PUBLIC;

-- Purpose: an E.164 number from one written with spaces, dots, dashes, brackets or a leading 00.
-- Outcomes: NULL when it isn't one. Whether the number is possible in its country is checked
-- before, with the clinic's region; this is the net under callers who skip the API.
-- Source: ITU-T E.164 (at most 15 digits, country codes don't begin with 0).
CREATE FUNCTION normalize_phone(p_phone text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  IF p_phone ~ '^\+[1-9][0-9]{6,14}$' THEN
    RETURN p_phone;   -- as the API passes it
  END IF;
  RETURN substring(
    regexp_replace(regexp_replace(CASE WHEN length(p_phone) <= 50 THEN p_phone END, '[\s().\-\u00a0\u2010-\u2015]', '', 'g'),
                   '^00', '+')
    FROM '^\+[1-9][0-9]{6,14}$');
END $$;
REVOKE ALL ON FUNCTION normalize_phone FROM PUBLIC;

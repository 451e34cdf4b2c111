-- Purpose: an E.164 number from one written with spaces, dots, dashes, brackets or a leading 00.
-- Outcomes: NULL when it isn't one. Whether the number is possible in its country is checked
-- before, with the clinic's region; this is the net under callers who skip the API.
-- Source: ITU-T E.164 (at most 15 digits, country codes don't begin with 0).
CREATE FUNCTION normalize_phone(p_phone text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_phone text := p_phone;
BEGIN
  IF v_phone ~ '^\+[1-9][0-9]{6,14}$' THEN
    RETURN v_phone;
  END IF;
  v_phone := regexp_replace(left(v_phone, 50), '[\s().\-\u00a0\u2010-\u2015]', '', 'g');
  v_phone := regexp_replace(v_phone, '^00', '+');
  RETURN CASE WHEN v_phone ~ '^\+[1-9][0-9]{6,14}$' THEN v_phone END;
END $$;
REVOKE ALL ON FUNCTION normalize_phone FROM PUBLIC;

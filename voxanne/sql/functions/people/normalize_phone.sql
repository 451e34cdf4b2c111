-- Purpose: an E.164 number from one written with spaces, dots, dashes, brackets or a leading 00.
-- Outcomes: NULL when it isn't one. Whether the number is possible in its country is checked
-- before, with the clinic's region; this is the net under callers who skip the API.
-- Source: ITU-T E.164 (at most 15 digits, country codes don't begin with 0).
-- In plain SQL, so that a booking has it inlined.
CREATE FUNCTION normalize_phone(p_phone text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_phone ~ '^\+[1-9][0-9]{6,14}$' THEN p_phone   -- as the API passes it
    WHEN length(p_phone) <= 50 THEN substring(
      regexp_replace(regexp_replace(replace(p_phone, '(0)', ''), '[\s().\-\u00a0\u2010-\u2015]', '', 'g'), '^00', '+')
      FROM '^\+[1-9][0-9]{6,14}$')
  END
$$;
REVOKE ALL ON FUNCTION normalize_phone FROM PUBLIC;

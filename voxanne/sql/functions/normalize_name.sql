-- Purpose: a person's name as it is shown: as said, with single spaces. A word without case
-- information (all lower or all upper) gets title case; mixed case, short capitals in a mixed
-- name ("JD Salinger"), Roman numerals and particles between names ("van der") stay.
-- Outcomes: NULL when it can't be a name: empty, over 120 characters, no letter, control
-- characters, direction overrides, symbols and emoji.
CREATE FUNCTION normalize_name(p_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  IF p_name ~ '^[A-Z][a-z]{1,30}( [A-Z][a-z]{1,30}){0,2}$' THEN
    RETURN p_name;   -- as almost every name arrives
  END IF;
  RETURN normalize_unusual_name(p_name);
END $$;
REVOKE ALL ON FUNCTION normalize_name FROM PUBLIC;

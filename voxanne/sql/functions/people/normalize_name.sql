-- Purpose: a person's name as it is shown: as said, with single spaces. A word without case
-- information (all lower or all upper) gets title case; mixed case, initials, Roman numerals and
-- particles between names ("van der") stay.
-- Outcomes: NULL when it can't be a name: empty, over 120 characters, no letter, control
-- characters, direction overrides, symbols and emoji.
CREATE FUNCTION normalize_name(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_name ~ '^[A-Z][a-z]{1,30}( [A-Z][a-z]{1,30}){0,2}$' THEN p_name   -- as most arrive
    ELSE normalize_unusual_name(p_name)
  END
$$;
REVOKE ALL ON FUNCTION normalize_name FROM PUBLIC;

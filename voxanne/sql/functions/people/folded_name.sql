-- Purpose: what makes two names of a clinic's people, rooms or services the same: all but case and
-- surrounding space.
CREATE FUNCTION folded_name(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT lower(btrim(p_name) COLLATE unicode_text)
$$;
REVOKE ALL ON FUNCTION folded_name FROM PUBLIC;

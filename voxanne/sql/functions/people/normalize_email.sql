-- Purpose: a lower-case e-mail address without surrounding space.
-- Outcomes: NULL when it isn't one. Empty is for the caller to tell from wrong.
CREATE FUNCTION normalize_email(p_email text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN length(btrim(p_email, E' \t\r\n')) <= 254
      AND btrim(p_email, E' \t\r\n') ~ '^[^@\s\u0001-\u001f"(),:;<>\[\\\]]{1,64}@[^@\s.\u0001-\u001f"(),:;<>\[\\\]]+(\.[^@\s.\u0001-\u001f"(),:;<>\[\\\]]+)+$'
    THEN lower(btrim(p_email, E' \t\r\n'))
  END
$$;
REVOKE ALL ON FUNCTION normalize_email FROM PUBLIC;

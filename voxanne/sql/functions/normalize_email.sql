-- Purpose: a lower-case e-mail address without surrounding space.
-- Outcomes: NULL when it isn't one. Empty is for the caller to tell from wrong.
CREATE FUNCTION normalize_email(p_email text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
  v_email text := lower(btrim(p_email, E' \t\r\n'));
BEGIN
  RETURN CASE
    WHEN length(v_email) <= 254
      AND v_email ~ '^[^@\s\u0001-\u001f"(),:;<>\[\\\]]{1,64}@[^@\s.\u0001-\u001f"(),:;<>\[\\\]]+(\.[^@\s.\u0001-\u001f"(),:;<>\[\\\]]+)+$'
    THEN v_email
  END;
END $$;
REVOKE ALL ON FUNCTION normalize_email FROM PUBLIC;

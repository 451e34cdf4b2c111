-- Purpose: how long a session lasts in which nothing is asked.
CREATE FUNCTION session_idle_max() RETURNS interval
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN interval '12 hours';
END $$;
REVOKE ALL ON FUNCTION session_idle_max FROM PUBLIC;

-- Purpose: a time of day in minutes after midnight; 1440 for 24:00.
CREATE FUNCTION minute_of(p_time time) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
  SELECT (extract(epoch FROM p_time) / 60)::integer
$$;
REVOKE ALL ON FUNCTION minute_of FROM PUBLIC;

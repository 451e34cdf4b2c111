-- Purpose: a time of day as a configuration writes it: 09:00, and 09:00:30 where seconds matter.
CREATE FUNCTION wall_clock(p_time time) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN p_time::text LIKE '%:00' THEN left(p_time::text, 5) ELSE p_time::text END
$$;
REVOKE ALL ON FUNCTION wall_clock FROM PUBLIC;

-- Purpose: the English name of an ISO weekday (Monday is 1), for staff.
CREATE FUNCTION weekday_name(p_weekday integer) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT (ARRAY['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[p_weekday]
$$;
REVOKE ALL ON FUNCTION weekday_name FROM PUBLIC;

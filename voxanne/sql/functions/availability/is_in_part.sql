-- Purpose: does an instant lie in a part of the day, by the clinic's wall clock?
CREATE FUNCTION is_in_part(
  p_start timestamptz, p_timezone text, p_time_from time, p_time_until time
) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
  SELECT p_time_from = '00:00' AND p_time_until = '24:00'
    OR (p_start AT TIME ZONE p_timezone)::time >= p_time_from
      AND (p_start AT TIME ZONE p_timezone)::time < p_time_until
$$;
REVOKE ALL ON FUNCTION is_in_part FROM PUBLIC;

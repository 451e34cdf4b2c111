-- Purpose: where on a local day a span of time lies, in minutes of the day's wall clock, 0 to 1440.
-- What began on an earlier day begins at 0, what goes on after it ends at 1440. A day of 23 or 25
-- hours has 1440 as well: its wall clock skips an hour, or shows one twice. So r_minutes is 0 or less
-- of what lies inside the hour that comes twice; whoever asks knows what that should be.
-- Cost: one row, written as a table so that it becomes part of the query that asks.
CREATE FUNCTION minutes_of_day(p_from timestamptz, p_until timestamptz, p_day date, p_timezone text)
RETURNS TABLE (r_start integer, r_minutes integer)
LANGUAGE sql IMMUTABLE ROWS 1
AS $$
  SELECT starts, ends - starts
  FROM (
    SELECT
      CASE WHEN p_from <= p_day::timestamp AT TIME ZONE p_timezone THEN 0
           ELSE extract(epoch FROM (p_from AT TIME ZONE p_timezone) - p_day::timestamp)::integer / 60
      END AS starts,
      CASE WHEN p_until >= (p_day + 1)::timestamp AT TIME ZONE p_timezone THEN 1440
           ELSE extract(epoch FROM (p_until AT TIME ZONE p_timezone) - p_day::timestamp)::integer / 60
      END AS ends
  ) AS clock
$$;
REVOKE ALL ON FUNCTION minutes_of_day FROM PUBLIC;

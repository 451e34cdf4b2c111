-- Purpose: the part of each local day that lies in a range: "afternoons from the 3rd to the 9th".
-- On the day of a clock change it may be an hour too much: is_in_part judges a single start.
CREATE FUNCTION day_parts(
  p_from timestamptz, p_until timestamptz, p_timezone text, p_time_from time, p_time_until time
) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF p_time_from = '00:00' AND p_time_until = '24:00' THEN
    RETURN tstzmultirange(tstzrange(p_from, p_until));
  END IF;
  RETURN (
    SELECT coalesce(range_agg(part), '{}') * tstzmultirange(tstzrange(p_from, p_until))
    FROM generate_series((p_from AT TIME ZONE p_timezone)::date::timestamp,
                         p_until AT TIME ZONE p_timezone, interval '1 day') AS day
    CROSS JOIN LATERAL (
      -- In seconds: an interval of a day would be one of the session's own zone.
      SELECT make_interval(secs => (extract(epoch FROM (day + interval '1 day') AT TIME ZONE p_timezone)
        - extract(epoch FROM day AT TIME ZONE p_timezone) - 86400)::double precision) AS longer
    ) AS length
    CROSS JOIN LATERAL (
      -- Of a time that comes twice AT TIME ZONE takes the second, of one that is skipped the later.
      SELECT (day + p_time_from) AT TIME ZONE p_timezone - greatest(longer, -longer) AS begins,
        (day + p_time_until) AT TIME ZONE p_timezone AS ends
    ) AS bounds
    CROSS JOIN LATERAL (SELECT tstzrange(begins, greatest(begins, ends)) AS part) AS parts
  );
END $$;
REVOKE ALL ON FUNCTION day_parts FROM PUBLIC;

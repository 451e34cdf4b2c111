-- Purpose: the instants of the clinic's grid inside a set: local midnight and every p_slot after it.
CREATE FUNCTION grid_starts(p_starts tstzmultirange, p_timezone text, p_slot interval)
RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_seconds numeric := extract(epoch FROM p_slot);
BEGIN
  RETURN QUERY
  SELECT point
  FROM unnest(p_starts) AS span
  CROSS JOIN generate_series((lower(span) AT TIME ZONE p_timezone)::date::timestamp,
                             upper(span) AT TIME ZONE p_timezone, interval '1 day') AS day
  CROSS JOIN LATERAL (
    SELECT day AT TIME ZONE p_timezone AS midnight,
      (day + interval '1 day') AT TIME ZONE p_timezone AS next_midnight
  ) AS bounds
  CROSS JOIN LATERAL generate_series(
    midnight + p_slot * ceil(greatest(extract(epoch FROM lower(span) - midnight), 0) / v_seconds)::integer,
    least(upper(span), next_midnight - interval '1 microsecond'), p_slot) AS point
  WHERE point <@ span;
END $$;
REVOKE ALL ON FUNCTION grid_starts FROM PUBLIC;

-- Purpose: the instants at which something of this length may begin so that it lies inside what is
-- open. Works on sets of starts so that lengths and buffers cost no loop.
CREATE FUNCTION starts_within(p_open tstzmultirange, p_duration interval) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE
AS $$
  SELECT coalesce(range_agg(tstzrange(lower(span), upper(span) - p_duration, '[]')), '{}')
  FROM unnest(p_open) AS span
  WHERE lower(span) <= upper(span) - p_duration
$$;
REVOKE ALL ON FUNCTION starts_within FROM PUBLIC;

-- Purpose: what was booked in a period, by whom, and who didn't come.
-- Outcomes: {"by_agent", "before", "per_day": {day: by the agent}, "sources": {source: how many}, "due",
--   "no_shows"}: `due` are appointments whose time came in the period, cancelled ones aside.
CREATE FUNCTION booking_metrics(
  p_org_id uuid, p_timezone text, p_before timestamptz, p_from timestamptz, p_until timestamptz
) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    WITH made AS MATERIALIZED (
      SELECT created_at, (created_at AT TIME ZONE p_timezone)::date AS day, source,
        source IN ('voice', 'mcp') AS by_agent
      FROM appointments
      WHERE org_id = p_org_id AND scheduled_at >= p_before AND created_at >= p_before
        AND created_at <= p_until AND status NOT IN ('held', 'expired') AND source <> 'import'
    )
    SELECT json_build_object(
      'by_agent', (SELECT count(*) FROM made WHERE by_agent AND created_at >= p_from),
      'before', (SELECT count(*) FROM made WHERE by_agent AND created_at < p_from),
      'per_day', (
        SELECT coalesce(json_object_agg(day, booked), '{}') FROM (
          SELECT day, count(*) AS booked FROM made WHERE by_agent AND created_at >= p_from GROUP BY day) AS daily),
      'sources', (
        SELECT coalesce(json_object_agg(source, booked ORDER BY booked DESC, source), '{}') FROM (
          SELECT source, count(*) AS booked FROM made WHERE created_at >= p_from
          GROUP BY source ORDER BY booked DESC, source LIMIT 20) AS sourced),
      'due', (
        SELECT count(*) FROM appointments
        WHERE org_id = p_org_id AND scheduled_at >= p_from AND scheduled_at < p_until
          AND status IN ('confirmed', 'completed', 'no_show')),
      'no_shows', (
        SELECT count(*) FROM appointments
        WHERE org_id = p_org_id AND scheduled_at >= p_from AND scheduled_at < p_until
          AND status = 'no_show')));
END $$;
REVOKE ALL ON FUNCTION booking_metrics FROM PUBLIC;

-- Purpose: the calls of a period, what their tools answered, and what was promised in them.
-- Outcomes: {"answered", "before": in the same time before, "per_day": {day: calls}, "mismatches",
--   "checked", "attempts", "succeeded", "ours", "callers", "refusals": {outcome: how often},
--   "offer_ms_p95"}. Attempts are calls of the tool that books. `callers`: refused for the caller's own
--   reasons (docs/how-to/metrics.md); `ours`: neither booked nor refused for these.
CREATE FUNCTION call_metrics(
  p_org_id uuid, p_timezone text, p_before timestamptz, p_from timestamptz, p_until timestamptz
) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  -- Of a deployment that works these don't come: whoever called isn't the reason.
  c_ours constant text[] := '{BUSY,INTERNAL_ERROR,UNAUTHORIZED,FORBIDDEN_ORGANIZATION,INVALID_ORGANIZATION,RATE_LIMITED,UNKNOWN_TOOL,ERROR,NO_RESULT}';
BEGIN
  RETURN (
    WITH heard AS MATERIALIZED (
      SELECT call_id, started_at, (started_at AT TIME ZONE p_timezone)::date AS day, promise, tools
      FROM calls
      WHERE org_id = p_org_id AND started_at >= p_before AND started_at <= p_until AND source <> 'outbound'
    ), used AS MATERIALIZED (
      SELECT tool ->> 'tool' AS name, tool ->> 'outcome' AS outcome,
        CASE WHEN jsonb_typeof(tool -> 'duration_ms') = 'number' THEN (tool -> 'duration_ms')::numeric END AS took_ms
      FROM heard CROSS JOIN jsonb_array_elements(tools) AS tool
      WHERE started_at >= p_from
    )
    SELECT json_build_object(
      'answered', (SELECT count(*) FROM heard WHERE started_at >= p_from),
      'before', (SELECT count(*) FROM heard WHERE started_at < p_from),
      'per_day', (
        SELECT coalesce(json_object_agg(day, calls), '{}') FROM (
          SELECT day, count(*) AS calls FROM heard WHERE started_at >= p_from GROUP BY day) AS daily),
      'mismatches', (SELECT count(*) FROM heard WHERE started_at >= p_from AND promise = 'mismatch'),
      'checked', (SELECT count(*) FROM heard
                  WHERE started_at >= p_from AND promise IN ('kept', 'mismatch', 'unclear')),
      'attempts', (SELECT count(*) FROM used WHERE name = 'bookClinicAppointment' AND outcome IS NOT NULL),
      'succeeded', (SELECT count(*) FROM used WHERE name = 'bookClinicAppointment' AND outcome = 'SUCCESS'),
      'ours', (SELECT count(*) FROM used WHERE name = 'bookClinicAppointment' AND outcome = ANY (c_ours)),
      'callers', (SELECT count(*) FROM used
                  WHERE name = 'bookClinicAppointment' AND outcome <> 'SUCCESS' AND outcome <> ALL (c_ours)),
      'refusals', (
        SELECT coalesce(json_object_agg(outcome, times ORDER BY times DESC, outcome), '{}') FROM (
          SELECT outcome, count(*) AS times FROM used
          WHERE outcome <> 'SUCCESS' GROUP BY outcome ORDER BY times DESC, outcome LIMIT 20) AS refused),
      'offer_ms_p95', (
        SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY took_ms) FROM used
        WHERE name = 'checkAvailability' AND took_ms IS NOT NULL)));
END $$;
REVOKE ALL ON FUNCTION call_metrics FROM PUBLIC;

-- Purpose: in what order to try several practitioners: the least busy on that local day first, then
-- the one whose last kept time of the day before this lies longest back, then by id. Lapsed holds
-- don't count.
CREATE FUNCTION rank_practitioners(
  p_org_id uuid, p_candidates uuid[], p_timezone text, p_starts_at timestamptz,
  p_moment timestamptz
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_day date := (p_starts_at AT TIME ZONE p_timezone)::date;
  v_hours tstzrange := tstzrange(v_day::timestamp AT TIME ZONE p_timezone,
                                 (v_day + 1)::timestamp AT TIME ZONE p_timezone);
  v_lapsed appointments[] := ARRAY(
    SELECT appointments FROM appointments
    WHERE org_id = p_org_id AND status = 'held' AND hold_expires_at <= p_moment
      AND scheduled_at BETWEEN lower(v_hours) - interval '2 days' AND upper(v_hours) + interval '2 days');
BEGIN
  RETURN (
    SELECT array_agg(candidate ORDER BY busy + overbooked, last_end NULLS FIRST, candidate)
    FROM unnest(p_candidates) AS candidate
    CROSS JOIN LATERAL (
      SELECT ARRAY(SELECT row.blocked FROM unnest(v_lapsed) AS row
                   WHERE row.practitioner_id = candidate) AS ranges
    ) AS lapsed
    CROSS JOIN LATERAL (
      SELECT count(*) AS busy,
        max(upper(blocked)) FILTER (WHERE upper(blocked) <= p_starts_at) AS last_end
      FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = candidate AND blocked && v_hours
        AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND blocked <> ALL (ranges)
    ) AS day
    CROSS JOIN LATERAL (
      SELECT count(*) AS overbooked FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = candidate AND blocked && v_hours
        AND status IN ('held', 'confirmed') AND overlap_allowed
    ) AS over
  );
END $$;
REVOKE ALL ON FUNCTION rank_practitioners FROM PUBLIC;

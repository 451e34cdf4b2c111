-- Purpose: in what order to try several practitioners: the least busy on that local day first,
-- then the one whose last appointment of the day before this one lies longest back, then by id.
CREATE FUNCTION rank_practitioners(
  p_org_id uuid, p_candidates uuid[], p_timezone text, p_starts_at timestamptz
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_day date := (p_starts_at AT TIME ZONE p_timezone)::date;
  v_hours tstzrange := tstzrange(v_day::timestamp AT TIME ZONE p_timezone,
                                 (v_day + 1)::timestamp AT TIME ZONE p_timezone);
BEGIN
  RETURN (
    SELECT array_agg(candidate ORDER BY busy, last_end NULLS FIRST, candidate)
    FROM unnest(p_candidates) AS candidate
    CROSS JOIN LATERAL (
      SELECT count(*) AS busy, max(ends_at) FILTER (WHERE ends_at <= p_starts_at) AS last_end
      FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = candidate AND blocked && v_hours
        AND status IN ('held', 'confirmed') AND NOT overlap_allowed
    ) AS day
  );
END $$;
REVOKE ALL ON FUNCTION rank_practitioners FROM PUBLIC;

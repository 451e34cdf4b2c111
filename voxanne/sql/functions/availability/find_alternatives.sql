-- Purpose: the nearest times that could be had instead, the asked practitioner's first.
-- Looks at the asked practitioner's next days first, then at everybody in widening windows as well, so
-- that the common case reads little.
-- Outcomes: a list of {"starts_at", "ends_at", "practitioner_id", "practitioner_name"}, the starts
-- all different, at most p_limit.
CREATE FUNCTION find_alternatives(
  p_org_id uuid, p_rules clinic_rules, p_practitioner_id uuid, p_scheduled_at timestamptz,
  p_moment timestamptz, p_call_id text, p_phone text, p_except uuid, p_limit integer
) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_asked_radius constant interval := '2 days';
  c_radii constant interval[] := ARRAY['0', '12 hours', '7 days', '30 days'];
  v_centre timestamptz := greatest(p_scheduled_at, p_moment + p_rules.notice);
  v_others uuid[] := array_remove(p_rules.practitioners, p_practitioner_id);
  v_radius interval;
  v_count integer;
  v_found json;
BEGIN
  IF coalesce(p_limit, 0) <= 0 OR v_centre IS NULL OR v_centre > p_moment + p_rules.horizon THEN
    RETURN '[]'::json;
  END IF;
  FOREACH v_radius IN ARRAY c_radii LOOP
    CONTINUE WHEN v_radius = interval '0' AND p_practitioner_id IS NULL;
    WITH free AS (
      SELECT true AS asked, practitioner_id, starts
      FROM free_starts(
        p_org_id, p_rules, ARRAY[p_practitioner_id],
        tstzmultirange(tstzrange(v_centre - greatest(v_radius, c_asked_radius),
                                 v_centre + greatest(v_radius, c_asked_radius))),
        p_moment, p_call_id, p_phone, p_except)
      WHERE p_practitioner_id IS NOT NULL
      UNION ALL
      SELECT false, practitioner_id, starts
      FROM free_starts(
        p_org_id, p_rules, v_others, tstzmultirange(tstzrange(v_centre - v_radius, v_centre + v_radius)),
        p_moment, p_call_id, p_phone, p_except)
      WHERE v_radius > interval '0'
    ), candidates AS MATERIALIZED (
      SELECT asked, practitioner_id, start, abs(extract(epoch FROM start - p_scheduled_at)) AS distance
      FROM free CROSS JOIN LATERAL grid_starts(starts, p_rules.timezone, p_rules.slot) AS start
    ), best AS (
      SELECT DISTINCT ON (start) * FROM candidates ORDER BY start, asked DESC, practitioner_id
    ), nearest AS (
      SELECT * FROM best ORDER BY asked DESC, distance, start LIMIT p_limit
    )
    SELECT count(*), json_agg(json_build_object(
        'starts_at', start, 'ends_at', start + p_rules.duration,
        'practitioner_id', practitioner_id, 'practitioner_name',
        p_rules.names[array_position(p_rules.practitioners, practitioner_id)])
      ORDER BY asked DESC, distance, start)
    INTO v_count, v_found FROM nearest;
    EXIT WHEN v_count >= p_limit;
  END LOOP;
  RETURN coalesce(v_found, '[]'::json);
END $$;
REVOKE ALL ON FUNCTION find_alternatives FROM PUBLIC;

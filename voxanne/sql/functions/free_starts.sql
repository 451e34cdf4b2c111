-- Purpose: every instant of p_window at which an appointment of these rules could begin, by
-- practitioner: open for all of it, nothing live in it or in its buffers, and, where rooms are
-- listed, one of them free for all of it. What is in this set, booking accepts; what isn't, it refuses.
-- A range that is kept forbids every start from (its begin - length - buffer after) to
-- (its end + buffer before), both excluded.
CREATE FUNCTION free_starts(
  p_org_id uuid, p_rules clinic_rules, p_practitioners uuid[], p_window tstzmultirange,
  p_moment timestamptz, p_call_id text, p_phone text,
  p_except uuid                         -- an appointment that is about to move away
) RETURNS SETOF free_time
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_ahead interval := p_rules.duration + p_rules.buffer_after;
  -- Nothing starts in the past, within the notice or beyond the horizon.
  v_window tstzmultirange := p_window * tstzmultirange(
    tstzrange(p_moment, p_moment + p_rules.horizon, '(]') * tstzrange(p_moment + p_rules.notice, NULL));
  v_reach tstzrange := tstzrange(lower(v_window) - p_rules.buffer_before,
                                 upper(v_window) + v_ahead, '[]');
  v_room_starts tstzmultirange := v_window;
BEGIN
  IF isempty(v_window) THEN
    RETURN;
  END IF;
  IF p_rules.rooms IS NOT NULL THEN
    SELECT coalesce(range_agg(free), '{}') INTO v_room_starts
    FROM unnest(p_rules.rooms) AS room
    CROSS JOIN LATERAL (
      SELECT v_window - coalesce(range_agg(tstzrange(
        lower(blocked) - v_ahead, upper(blocked) + p_rules.buffer_before, '()')), '{}') AS starts
      FROM (
        SELECT blocked FROM appointments
        WHERE org_id = p_org_id AND room_id = room AND blocked && v_reach
          AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND id IS DISTINCT FROM p_except
          AND (status = 'confirmed' OR (
            hold_expires_at > p_moment AND NOT is_own_hold(appointments, NULL, p_call_id, p_phone)))
        UNION ALL
        SELECT blocked FROM appointments
        WHERE org_id = p_org_id AND room_id = room AND blocked && v_reach
          AND status IN ('held', 'confirmed') AND overlap_allowed AND id IS DISTINCT FROM p_except
      ) AS kept
    ) AS room_free
    CROSS JOIN LATERAL unnest(starts) AS free;
  END IF;
  RETURN QUERY
  SELECT practitioner, CASE
      WHEN p_rules.keeps_hours THEN starts_within(r_hours - r_breaks - r_absences, p_rules.duration)
        * v_room_starts
      ELSE v_room_starts
    END - kept.forbidden
  FROM unnest(p_practitioners) AS practitioner
  LEFT JOIN open_spans(
      p_org_id, CASE WHEN p_rules.keeps_hours THEN p_practitioners ELSE '{}' END, p_rules.timezone,
      (lower(v_reach) AT TIME ZONE p_rules.timezone)::date,
      (upper(v_reach) AT TIME ZONE p_rules.timezone)::date
    ) AS opened ON opened.r_practitioner_id = practitioner
  CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(
      lower(blocked) - v_ahead, upper(blocked) + p_rules.buffer_before, '()')), '{}') AS forbidden
    FROM (
      SELECT blocked FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = practitioner AND blocked && v_reach
        AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND id IS DISTINCT FROM p_except
        AND (status = 'confirmed' OR (
          hold_expires_at > p_moment AND NOT is_own_hold(appointments, NULL, p_call_id, p_phone)))
      UNION ALL
      SELECT blocked FROM appointments
      WHERE org_id = p_org_id AND practitioner_id = practitioner AND blocked && v_reach
        AND status IN ('held', 'confirmed') AND overlap_allowed AND id IS DISTINCT FROM p_except
    ) AS live
  ) AS kept;
END $$;
REVOKE ALL ON FUNCTION free_starts FROM PUBLIC;

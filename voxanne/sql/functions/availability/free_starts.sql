-- Purpose: every instant of p_window at which an appointment of these rules could begin, by
-- practitioner: open for all of it, their calendar free, nothing live in it or in its buffers, and, where rooms are
-- listed, one of them free for all of it. What is in this set, booking accepts; what isn't, it refuses.
-- A range that is kept forbids every start from (its begin - length - buffer after) to
-- (its end + buffer before), both excluded.
-- Reads the constraints' own indexes and, of vacuumed pages, nothing else. Holds that don't count are
-- told by their range: inside a constraint no two are the same.
CREATE FUNCTION free_starts(
  p_org_id uuid, p_rules clinic_rules, p_practitioners uuid[], p_window tstzmultirange,
  p_moment timestamptz, p_call_id text, p_phone text,
  p_except uuid                         -- an appointment that is about to move away
) RETURNS SETOF free_time
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_longest constant interval := '2 days';   -- an appointment and its buffers last a day at most
  v_ahead interval := p_rules.duration + p_rules.buffer_after;
  v_behind interval := p_rules.buffer_before;
  -- Nothing starts in the past, within the notice or beyond the horizon.
  v_window tstzmultirange := p_window * tstzmultirange(
    tstzrange(p_moment, p_moment + p_rules.horizon, '(]') * tstzrange(p_moment + p_rules.notice, NULL));
  v_reach tstzrange := tstzrange(lower(v_window) - v_behind, upper(v_window) + v_ahead, '[]');
  v_yielding appointments[];            -- lapsed holds, the caller's own, and what moves away
  v_overbooked appointments[];
  v_room_starts tstzmultirange := v_window;
BEGIN
  IF isempty(v_window) THEN
    RETURN;
  END IF;
  v_yielding := ARRAY(
    SELECT appointments FROM appointments
    WHERE org_id = p_org_id AND status = 'held' AND NOT overlap_allowed
      AND scheduled_at BETWEEN lower(v_reach) - c_longest AND upper(v_reach) + c_longest
      AND (hold_expires_at <= p_moment OR is_own_hold(appointments, NULL, p_call_id, p_phone)));
  IF p_except IS NOT NULL THEN
    v_yielding := v_yielding || ARRAY(
      SELECT appointments FROM appointments
      WHERE org_id = p_org_id AND id = p_except AND NOT overlap_allowed);
  END IF;
  v_overbooked := ARRAY(
    SELECT appointments FROM appointments
    WHERE org_id = p_org_id AND overlap_allowed AND status IN ('held', 'confirmed')
      AND blocked && v_reach AND id IS DISTINCT FROM p_except);

  IF p_rules.rooms IS NOT NULL THEN
    SELECT coalesce(range_agg(free), '{}') INTO v_room_starts
    FROM unnest(p_rules.rooms) AS room
    CROSS JOIN LATERAL (
      SELECT ARRAY(SELECT row.blocked FROM unnest(v_yielding) AS row WHERE row.room_id = room) AS ranges
    ) AS yielding
    CROSS JOIN LATERAL unnest(v_window - (
      SELECT coalesce(range_agg(tstzrange(lower(blocked) - v_ahead, upper(blocked) + v_behind, '()')), '{}')
      FROM (
        SELECT blocked FROM appointments
        WHERE org_id = p_org_id AND room_id = room AND blocked && v_reach
          AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND blocked <> ALL (ranges)
        UNION ALL
        SELECT row.blocked FROM unnest(v_overbooked) AS row WHERE row.room_id = room
      ) AS kept
    )) AS free;
  END IF;
  RETURN QUERY
  SELECT practitioner, CASE
      WHEN p_rules.keeps_hours THEN starts_within(r_hours - r_breaks - r_absences - r_busy, p_rules.duration)
        * v_room_starts
      ELSE v_room_starts
    END * (own_starts + (v_window - (
      SELECT coalesce(range_agg(tstzrange(lower(blocked) - v_ahead, upper(blocked) + v_behind, '()')), '{}')
      FROM (
        SELECT blocked FROM appointments
        WHERE org_id = p_org_id AND practitioner_id = practitioner AND blocked && v_reach
          AND status IN ('held', 'confirmed') AND NOT overlap_allowed AND blocked <> ALL (ranges)
        UNION ALL
        SELECT row.blocked FROM unnest(v_overbooked) AS row WHERE row.practitioner_id = practitioner
      ) AS kept
    )))
  FROM unnest(p_practitioners) AS practitioner
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(row.blocked), '{}') AS ranges,
      -- What staff put over the caller's own hold doesn't take it from them.
      coalesce(range_agg(tstzrange(lower(row.blocked) + v_behind, upper(row.blocked) - v_ahead, '[]'))
        FILTER (WHERE row.hold_expires_at > p_moment
                  AND lower(row.blocked) + v_behind <= upper(row.blocked) - v_ahead), '{}') AS own_starts
    FROM unnest(v_yielding) AS row WHERE row.practitioner_id = practitioner
  ) AS yielding
  LEFT JOIN open_spans(
      p_org_id, CASE WHEN p_rules.keeps_hours THEN p_practitioners ELSE '{}' END, p_rules.timezone,
      (lower(v_reach) AT TIME ZONE p_rules.timezone)::date,
      (upper(v_reach) AT TIME ZONE p_rules.timezone)::date
    ) AS opened ON opened.r_practitioner_id = practitioner;
END $$;
REVOKE ALL ON FUNCTION free_starts FROM PUBLIC;

-- Purpose: when practitioners receive, as instants, on the clinic's local days from p_first to
-- p_last, and what is taken away from it. For each day the first of these that has any rows decides:
-- the practitioner's exception, the clinic's exception, the practitioner's weekly hours, the
-- clinic's. A clinic with no weekly hours is open around the clock.
-- Outcomes: a row per practitioner; what is open is r_hours - r_breaks - r_absences, and what their
-- calendar leaves of it - r_busy (see busy_spans).
CREATE FUNCTION open_spans(
  p_org_id uuid, p_practitioners uuid[], p_timezone text, p_first date, p_last date
) RETURNS TABLE (
  r_practitioner_id uuid, r_hours tstzmultirange, r_breaks tstzmultirange, r_absences tstzmultirange,
  r_busy tstzmultirange
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_own_hours uuid[];         -- practitioners with weekly hours of their own
  v_clinic_hours boolean;
  v_own_days text[];          -- practitioner and day of their exceptions
  v_clinic_days date[];
  v_calendars boolean := EXISTS (
    SELECT FROM calendar_connections WHERE org_id = p_org_id AND status <> 'disconnected');
BEGIN
  SELECT coalesce(array_agg(DISTINCT practitioner_id) FILTER (WHERE practitioner_id IS NOT NULL), '{}'),
    coalesce(bool_or(practitioner_id IS NULL), false)
  INTO v_own_hours, v_clinic_hours
  FROM opening_hours WHERE org_id = p_org_id;
  -- The day before: its hours may cross midnight.
  SELECT coalesce(array_agg(practitioner_id::text || day) FILTER (WHERE practitioner_id IS NOT NULL), '{}'),
    coalesce(array_agg(day) FILTER (WHERE practitioner_id IS NULL), '{}')
  INTO v_own_days, v_clinic_days
  FROM date_exceptions WHERE org_id = p_org_id AND day BETWEEN p_first - 1 AND p_last;

  RETURN QUERY
  WITH days AS (
    -- Timestamps without zone: days must not depend on the session's own zone.
    SELECT day, day::date AS date, extract(isodow FROM day) AS weekday
    FROM generate_series(p_first::timestamp - interval '1 day', p_last::timestamp + interval '1 day',
                         interval '1 day') AS day
  ), weekly AS (
    SELECT practitioner_id, date, day + opens AS opens,
      day + closes + CASE WHEN closes <= opens THEN interval '1 day' ELSE interval '0' END AS closes
    FROM (
      SELECT practitioner_id, weekday, opens, closes FROM opening_hours WHERE org_id = p_org_id
      UNION ALL
      SELECT NULL, weekday, time '00:00', time '24:00' FROM generate_series(1, 7) AS weekday
      WHERE NOT v_clinic_hours
    ) AS hours
    JOIN days USING (weekday)
    WHERE date <= p_last AND date <> ALL (v_clinic_days)
  ), special AS (
    SELECT practitioner_id, day AS date, day + opens AS opens,
      day + closes + CASE WHEN closes <= opens THEN interval '1 day' ELSE interval '0' END AS closes
    FROM date_exceptions
    WHERE org_id = p_org_id AND day BETWEEN p_first - 1 AND p_last AND opens IS NOT NULL
  ), spans AS MATERIALIZED (
    SELECT true AS is_weekly, practitioner_id, date, opens AT TIME ZONE p_timezone AS opens_at,
      closes AT TIME ZONE p_timezone AS closes_at FROM weekly
    UNION ALL
    SELECT false, practitioner_id, date, opens AT TIME ZONE p_timezone,
      closes AT TIME ZONE p_timezone FROM special
  ), opened AS (
    SELECT practitioner, range_agg(tstzrange(opens_at, closes_at)) AS hours
    FROM unnest(p_practitioners) AS practitioner
    JOIN spans ON practitioner_id IS NOT DISTINCT FROM CASE
      WHEN CASE WHEN is_weekly THEN practitioner = ANY (v_own_hours)
                ELSE practitioner::text || date = ANY (v_own_days) END
      THEN practitioner END
    -- Inside the hour that a clock change skips, a span may end before it begins: there is none.
    WHERE opens_at < closes_at
      AND (NOT is_weekly OR cardinality(v_own_days) = 0
           OR practitioner::text || date <> ALL (v_own_days))
    GROUP BY practitioner
  ), pauses AS (
    SELECT practitioner_id, range_agg(tstzrange((day + starts) AT TIME ZONE p_timezone,
                                                (day + ends) AT TIME ZONE p_timezone)) AS pause
    FROM breaks JOIN days USING (weekday)
    WHERE org_id = p_org_id
      AND (day + starts) AT TIME ZONE p_timezone < (day + ends) AT TIME ZONE p_timezone
    GROUP BY practitioner_id
  ), away AS (
    SELECT practitioner_id, range_agg(tstzrange(starts_at, ends_at)) AS away
    FROM absences
    WHERE org_id = p_org_id AND practitioner_id = ANY (p_practitioners)
      AND ends_at > (p_first - 1)::timestamp AT TIME ZONE p_timezone
      AND starts_at < (p_last + 3)::timestamp AT TIME ZONE p_timezone
    GROUP BY practitioner_id
  )
  SELECT practitioner, coalesce(hours, '{}'),
    coalesce((SELECT pause FROM pauses WHERE practitioner_id = practitioner), '{}')
      + coalesce((SELECT pause FROM pauses WHERE practitioner_id IS NULL), '{}'),
    coalesce((SELECT away FROM away WHERE practitioner_id = practitioner), '{}'),
    CASE WHEN v_calendars THEN busy_spans(p_org_id, practitioner, tstzrange(
      (p_first - 1)::timestamp AT TIME ZONE p_timezone, (p_last + 3)::timestamp AT TIME ZONE p_timezone))
    ELSE '{}' END
  FROM unnest(p_practitioners) AS practitioner
  LEFT JOIN opened USING (practitioner);
END $$;
REVOKE ALL ON FUNCTION open_spans FROM PUBLIC;

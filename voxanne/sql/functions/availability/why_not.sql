-- Purpose: why nothing can begin in p_window with these practitioners.
-- Outcomes: r_reason: past, too_soon, too_far, closed, holiday, too_long, break, away, fully_booked,
-- calendar_stale;
-- r_detail is the clinic's own words about it, for staff only.
CREATE FUNCTION why_not(
  p_org_id uuid, p_rules clinic_rules, p_practitioners uuid[], p_window tstzmultirange,
  p_moment timestamptz, OUT r_reason text, OUT r_detail text
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_timely tstzmultirange := p_window * tstzmultirange(tstzrange(p_moment, NULL, '()'));
  v_first date;                         -- the local days on which something could begin …
  v_last date;
  v_days tstzmultirange;                -- … as instants
  v_reach tstzrange;                    -- the time an appointment could take
  v_hours boolean;
  v_long boolean;
  v_after_breaks boolean;
  v_after_absences boolean;
  v_seen boolean;                       -- of what is left, somebody's calendar can be seen
BEGIN
  IF isempty(p_window) THEN
    r_reason := 'closed';
    RETURN;
  ELSIF isempty(v_timely) THEN
    r_reason := 'past';
    RETURN;
  END IF;
  v_timely := v_timely * tstzmultirange(tstzrange(p_moment + p_rules.notice, NULL));
  IF isempty(v_timely) THEN
    r_reason := 'too_soon';
    RETURN;
  END IF;
  v_timely := v_timely * tstzmultirange(tstzrange(NULL, p_moment + p_rules.horizon, '[]'));
  IF isempty(v_timely) THEN
    r_reason := 'too_far';
    RETURN;
  END IF;
  IF NOT p_rules.keeps_hours THEN
    r_reason := 'fully_booked';
    RETURN;
  END IF;
  v_first := (lower(v_timely) AT TIME ZONE p_rules.timezone)::date;
  v_last := ((upper(v_timely) - CASE WHEN upper_inc(v_timely) THEN interval '0' ELSE interval '1 microsecond' END)
             AT TIME ZONE p_rules.timezone)::date;
  v_days := tstzmultirange(tstzrange(v_first::timestamp AT TIME ZONE p_rules.timezone,
                                     (v_last + 1)::timestamp AT TIME ZONE p_rules.timezone));
  v_reach := tstzrange(lower(v_timely), upper(v_timely) + p_rules.duration);
  SELECT coalesce(bool_or(starts_within(r_hours, p_rules.duration) && v_timely), false),
    coalesce(bool_or(starts_within(r_hours, interval '1 minute') && v_timely), false),
    coalesce(bool_or(starts_within(r_hours - r_breaks, p_rules.duration) && v_timely), false),
    coalesce(bool_or(starts_within(r_hours - r_breaks - r_absences, p_rules.duration) && v_timely), false),
    coalesce(bool_or(NOT lower_inf(r_busy)
      AND starts_within(r_hours - r_breaks - r_absences, p_rules.duration) && v_timely), false)
  INTO v_hours, v_long, v_after_breaks, v_after_absences, v_seen
  FROM open_spans(p_org_id, p_practitioners, p_rules.timezone, v_first,
                  (upper(v_reach) AT TIME ZONE p_rules.timezone)::date);
  r_reason := CASE
    WHEN v_seen THEN 'fully_booked'
    WHEN v_after_absences THEN 'calendar_stale'
    WHEN v_after_breaks THEN 'away'
    WHEN v_hours THEN 'break'
    -- Open, but never for so long; at the very end of the day it is simply closed by then.
    WHEN v_long AND NOT EXISTS (
      SELECT FROM open_spans(p_org_id, p_practitioners, p_rules.timezone, v_first, v_last)
      WHERE starts_within(r_hours, p_rules.duration) && v_days) THEN 'too_long'
    ELSE 'closed'
  END;
  r_detail := CASE r_reason
    WHEN 'away' THEN (
      SELECT nullif(reason, '') FROM absences
      WHERE org_id = p_org_id AND practitioner_id = ANY (p_practitioners)
        AND tstzrange(starts_at, ends_at) && v_reach
      ORDER BY starts_at LIMIT 1)
    WHEN 'break' THEN (
      SELECT label
      FROM breaks
      CROSS JOIN generate_series(v_first::timestamp, v_last::timestamp, interval '1 day') AS day
      WHERE org_id = p_org_id AND (practitioner_id IS NULL OR practitioner_id = ANY (p_practitioners))
        AND weekday = extract(isodow FROM day)
        AND tstzrange((day + starts) AT TIME ZONE p_rules.timezone,
                      greatest((day + starts) AT TIME ZONE p_rules.timezone,
                               (day + ends) AT TIME ZONE p_rules.timezone)) && v_reach
      ORDER BY day, starts LIMIT 1)
    WHEN 'closed' THEN (
      SELECT nullif(reason, '') FROM date_exceptions
      WHERE org_id = p_org_id AND day BETWEEN v_first AND v_last AND opens IS NULL
        AND (practitioner_id IS NULL OR practitioner_id = ANY (p_practitioners))
      ORDER BY day LIMIT 1)
  END;
  IF r_reason = 'closed' AND EXISTS (
      SELECT FROM date_exceptions
      WHERE org_id = p_org_id AND day BETWEEN v_first AND v_last AND opens IS NULL
        AND practitioner_id IS NULL AND source = 'holiday') THEN
    r_reason := 'holiday';
  END IF;
END $$;
REVOKE ALL ON FUNCTION why_not FROM PUBLIC;

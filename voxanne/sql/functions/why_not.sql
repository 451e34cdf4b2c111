-- Purpose: why nothing can begin in p_window with these practitioners.
-- Outcomes: r_reason: past, too_soon, too_far, closed, holiday, too_long, break, away, fully_booked;
-- r_detail is the clinic's own words about it, for staff only.
CREATE FUNCTION why_not(
  p_org_id uuid, p_rules clinic_rules, p_practitioners uuid[], p_window tstzmultirange,
  p_moment timestamptz, OUT r_reason text, OUT r_detail text
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_timely tstzmultirange := p_window * tstzmultirange(tstzrange(p_moment, NULL, '()'));
  v_first date;
  v_last date;
  v_hours boolean;
  v_long boolean;
  v_after_breaks boolean;
  v_after_absences boolean;
BEGIN
  IF isempty(v_timely) THEN
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
  v_last := ((upper(v_timely) + p_rules.duration) AT TIME ZONE p_rules.timezone)::date;
  SELECT coalesce(bool_or(starts_within(r_hours, p_rules.duration) && v_timely), false),
    coalesce(bool_or(starts_within(r_hours, interval '1 minute') && v_timely), false),
    coalesce(bool_or(starts_within(r_hours - r_breaks, p_rules.duration) && v_timely), false),
    coalesce(bool_or(starts_within(r_hours - r_breaks - r_absences, p_rules.duration) && v_timely), false)
  INTO v_hours, v_long, v_after_breaks, v_after_absences
  FROM open_spans(p_org_id, p_practitioners, p_rules.timezone, v_first, v_last);
  r_reason := CASE
    WHEN v_after_absences THEN 'fully_booked'
    WHEN v_after_breaks THEN 'away'
    WHEN v_hours THEN 'break'
    -- Open, but never for so long; at the very end of the day it is simply closed by then.
    WHEN v_long AND NOT EXISTS (
      SELECT FROM open_spans(p_org_id, p_practitioners, p_rules.timezone, v_first, v_last)
      WHERE NOT isempty(starts_within(r_hours, p_rules.duration))) THEN 'too_long'
    ELSE 'closed'
  END;
  r_detail := CASE r_reason
    WHEN 'away' THEN (
      SELECT nullif(reason, '') FROM absences
      WHERE org_id = p_org_id AND practitioner_id = ANY (p_practitioners)
        AND tstzrange(starts_at, ends_at) && tstzrange(lower(v_timely), upper(v_timely), '[]')
      ORDER BY starts_at LIMIT 1)
    WHEN 'break' THEN (
      SELECT label FROM breaks
      WHERE org_id = p_org_id AND (practitioner_id IS NULL OR practitioner_id = ANY (p_practitioners))
        AND weekday = extract(isodow FROM v_first)
      ORDER BY starts LIMIT 1)
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

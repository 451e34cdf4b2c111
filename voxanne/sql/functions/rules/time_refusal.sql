-- Purpose: may an appointment of these rules begin then, by the clock alone?
-- Outcomes: NULL, or the refusal's code.
CREATE FUNCTION time_refusal(p_rules clinic_rules, p_scheduled_at timestamptz, p_moment timestamptz)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_scheduled_at IS NULL THEN 'INVALID_DATE'
    WHEN p_scheduled_at <= p_moment THEN 'DATE_IN_PAST'
    WHEN p_scheduled_at > p_moment + p_rules.horizon THEN 'TOO_FAR_AHEAD'
    WHEN p_scheduled_at < p_moment + p_rules.notice THEN 'TOO_SOON'
  END
$$;
REVOKE ALL ON FUNCTION time_refusal FROM PUBLIC;

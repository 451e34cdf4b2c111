-- Purpose: the upcoming appointments of active practitioners that lie outside when they receive, as it
--   is stored now. Of the next c_ahead_max: what was imported for a far future costs nothing. It isn't the
--   horizon, which may be shorter than it was when they were booked.
CREATE FUNCTION appointments_outside_hours(p_org_id uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_ahead_max constant interval := '2 years';
  v_now timestamptz := current_moment();
  v_until timestamptz := v_now + c_ahead_max;
  v_timezone text := (SELECT timezone FROM organizations WHERE id = p_org_id);
  v_practitioners uuid[];
  v_last timestamptz;
BEGIN
  SELECT array_agg(DISTINCT practitioner_id), max(ends_at) INTO v_practitioners, v_last
  FROM appointments
  JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id AND active
  WHERE appointments.org_id = p_org_id AND scheduled_at > v_now AND scheduled_at <= v_until
    AND status = 'confirmed';
  IF v_practitioners IS NULL THEN
    RETURN '{}';
  END IF;
  RETURN (
    WITH opened AS MATERIALIZED (   -- once each, not for each appointment
      SELECT r_practitioner_id, r_hours - r_breaks - r_absences AS open
      FROM open_spans(p_org_id, v_practitioners, v_timezone, (v_now AT TIME ZONE v_timezone)::date,
                      (v_last AT TIME ZONE v_timezone)::date)
    )
    SELECT coalesce(array_agg(id), '{}')
    FROM opened
    JOIN appointments ON org_id = p_org_id AND practitioner_id = r_practitioner_id
    WHERE scheduled_at > v_now AND scheduled_at <= v_until AND status = 'confirmed'
      AND NOT open @> tstzrange(scheduled_at, ends_at));
END $$;
REVOKE ALL ON FUNCTION appointments_outside_hours FROM PUBLIC;

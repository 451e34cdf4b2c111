-- Purpose: which appointments' patients are to be reminded at p_moment, and until when.
CREATE FUNCTION due_reminders(p_org_id uuid, p_moment timestamptz)
RETURNS TABLE (org_id uuid, appointment_id uuid, version integer, hours integer, lapses_at timestamptz)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT booked.org_id, booked.id, booked.version, reminder.hours, reminder.lapses_at
  FROM organizations
  CROSS JOIN LATERAL (
    SELECT ahead, coalesce(max(ahead) OVER (
      ORDER BY ahead ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS next_ahead
    FROM unnest(reminder_hours) AS ahead
  ) AS wish
  JOIN appointments AS booked ON booked.org_id = organizations.id
    AND booked.scheduled_at > p_moment
    AND booked.scheduled_at <= p_moment + make_interval(hours => wish.ahead)
  CROSS JOIN LATERAL (
    SELECT wish.ahead AS hours,
      booked.scheduled_at - greatest(make_interval(hours => wish.next_ahead),
                                     make_interval(secs => wish.ahead * 1800)) AS lapses_at
  ) AS reminder
  WHERE organizations.id = p_org_id AND booked.status = 'confirmed'
    AND reminder.lapses_at > p_moment
    AND booked.updated_at <= booked.scheduled_at - make_interval(hours => wish.ahead)
    AND NOT EXISTS (
      SELECT FROM deliveries
      WHERE deliveries.org_id = p_org_id AND subject_id = booked.id
        AND kind = 'sms_reminder_' || wish.ahead || 'h' AND deliveries.version = booked.version);
END $$;
REVOKE ALL ON FUNCTION due_reminders FROM PUBLIC;

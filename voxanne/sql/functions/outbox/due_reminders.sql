-- Purpose: which appointments' patients are to be reminded at p_moment, and until when.
-- Cost: reads what lies in the hours in which a reminder is due, however much is booked beyond them.
CREATE FUNCTION due_reminders(p_org_id uuid, p_moment timestamptz)
RETURNS TABLE (org_id uuid, appointment_id uuid, version integer, hours integer, lapses_at timestamptz)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT booked.org_id, booked.id, booked.version, wish.ahead, booked.scheduled_at - wish.least_ahead
  FROM organizations
  CROSS JOIN LATERAL (
    SELECT ahead, greatest(
      make_interval(hours => coalesce(max(ahead) OVER (
        ORDER BY ahead ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)),
      make_interval(secs => ahead * 1800)) AS least_ahead
    FROM unnest(reminder_hours) AS ahead
  ) AS wish
  CROSS JOIN LATERAL (
    SELECT appointments.org_id, id, appointments.version, scheduled_at FROM appointments
    WHERE appointments.org_id = p_org_id AND scheduled_at > p_moment + wish.least_ahead
      AND scheduled_at <= p_moment + make_interval(hours => wish.ahead)
      AND status = 'confirmed' AND updated_at <= scheduled_at - make_interval(hours => wish.ahead)
    OFFSET 0   -- wish by wish: joined otherwise, all that is booked would be read
  ) AS booked
  WHERE organizations.id = p_org_id AND (
    SELECT count(*) FROM deliveries   -- one by one, each by its key
    WHERE deliveries.org_id = p_org_id AND subject_id = booked.id
      AND kind = 'sms_reminder_' || wish.ahead || 'h' AND deliveries.version = booked.version) = 0;
END $$;
REVOKE ALL ON FUNCTION due_reminders FROM PUBLIC;

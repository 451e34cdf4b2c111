-- Purpose: the clinic's calendars are others than before: whatever is to come and isn't where it
-- belongs is queued, and what was parked is tried again.
CREATE FUNCTION queue_calendars(p_org_id uuid, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE deliveries SET due_at = p_moment, attempts_forgiven = attempts, updated_at = p_moment
  WHERE org_id = p_org_id AND channel = 'calendar' AND status = 'queued' AND due_at = 'infinity';
  PERFORM queue_calendar(p_org_id, booked.id, booked.version, p_moment)
  FROM appointments AS booked
  CROSS JOIN LATERAL (
    SELECT (calendar_of(p_org_id, booked.practitioner_id)).id AS connection_id
  ) AS belongs
  WHERE booked.org_id = p_org_id AND booked.status = 'confirmed' AND booked.scheduled_at > p_moment
    AND connection_id IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM calendar_events AS event
      WHERE event.org_id = p_org_id AND event.appointment_id = booked.id
        AND event.connection_id = belongs.connection_id AND event.version = booked.version);
END $$;
REVOKE ALL ON FUNCTION queue_calendars FROM PUBLIC;

-- Purpose: an appointment's calendar event is to be brought up to date once more.
CREATE FUNCTION queue_calendar(p_org_id uuid, p_appointment_id uuid, p_version integer, p_moment timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  INSERT INTO deliveries AS known (org_id, subject_id, kind, version, due_at, created_at, updated_at)
  VALUES (p_org_id, p_appointment_id, 'calendar', p_version, p_moment, p_moment, p_moment)
  ON CONFLICT (org_id, subject_id, kind, version) DO UPDATE SET
    status = 'queued', due_at = excluded.due_at, attempts_forgiven = known.attempts,
    error_code = NULL, error = NULL, updated_at = excluded.updated_at
  WHERE known.status <> 'sending';
END $$;
REVOKE ALL ON FUNCTION queue_calendar FROM PUBLIC;

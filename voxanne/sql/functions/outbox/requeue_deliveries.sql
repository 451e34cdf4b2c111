-- Purpose: an appointment has a new version: what still waits for the old one is voided, and what the
-- new one needs is queued, in the same transaction. What may be out already isn't sent any more
-- either, but a worker finds out whether it was, before anything newer goes out.
-- p_what: 'change' or 'cancellation'. Outcomes: kind → status of the new version.
CREATE FUNCTION requeue_deliveries(p_appointment appointments, p_what text, p_moment timestamptz)
RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_queued json;
BEGIN
  UPDATE deliveries SET status = CASE WHEN uncertain THEN status ELSE 'voided' END,
    due_at = p_moment, updated_at = p_moment
  WHERE org_id = p_appointment.org_id AND subject_id = p_appointment.id
    AND version < p_appointment.version
    AND status || '' = 'queued';   -- by the subject's key, not by deliveries_due
  WITH queued AS (
    INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, lapses_at, created_at, updated_at)
    SELECT p_appointment.org_id, p_appointment.id, kind, p_appointment.version, p_moment,
      CASE WHEN kind <> 'calendar' THEN p_appointment.scheduled_at END, p_moment, p_moment
    FROM unnest(ARRAY['calendar', 'sms_' || p_what, 'email_' || p_what]) AS kind
    -- Nobody is told of a time that is past.
    WHERE kind = 'calendar' OR p_appointment.scheduled_at > p_moment AND (
      kind NOT LIKE 'email%' OR p_appointment.metadata -> 'patient' ->> 'email' IS NOT NULL)
    RETURNING kind, status
  )
  SELECT json_object_agg(kind, status) INTO v_queued FROM queued;
  RETURN v_queued;
END $$;
REVOKE ALL ON FUNCTION requeue_deliveries FROM PUBLIC;

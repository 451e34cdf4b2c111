-- Purpose: appointments lose whom they were for. Time, practitioner, room, service and status stay: the
--   clinic's own diary and figures.
-- Guarantees: their entries in connected calendars are taken out by the worker, also those of the past.
-- Outcomes: {"queued": how many entries are taken out, "unreachable": how many may be in a calendar
--   that is connected no longer}.
CREATE FUNCTION strip_appointments(p_org_id uuid, p_appointments uuid[], p_moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_queued integer;
  v_unreachable integer;
BEGIN
  UPDATE appointments SET
    contact_id = NULL, metadata = '{"erased": true}', idempotency_key = NULL, request_hash = NULL,
    version = version + 1, updated_at = p_moment
  WHERE org_id = p_org_id AND id = ANY (p_appointments);
  DELETE FROM appointment_links WHERE org_id = p_org_id AND appointment_id = ANY (p_appointments);
  DELETE FROM idempotency_keys
  WHERE org_id = p_org_id
    AND (result ->> 'appointment_id' = ANY (p_appointments::text[]) OR result ->> 'hold_id' = ANY (p_appointments::text[]));
  SELECT count(*) FILTER (WHERE known), count(*) FILTER (WHERE NOT known AND put)
  INTO v_queued, v_unreachable
  FROM appointments AS booked
  CROSS JOIN LATERAL (SELECT
    EXISTS (SELECT FROM calendar_events
            WHERE org_id = p_org_id AND appointment_id = booked.id) AS known,
    -- It was put into a calendar, and wasn't taken out again since.
    (SELECT delivery.status <> 'delivered' OR booked.status IN ('confirmed', 'completed', 'no_show')
     FROM deliveries AS delivery
     WHERE delivery.org_id = p_org_id AND subject_id = booked.id AND kind = 'calendar'
     ORDER BY delivery.version DESC LIMIT 1)
    AND EXISTS (SELECT FROM deliveries
                WHERE org_id = p_org_id AND subject_id = booked.id AND kind = 'calendar'
                  AND deliveries.status = 'delivered') AS put) AS calendar
  WHERE booked.org_id = p_org_id AND booked.id = ANY (p_appointments);
  PERFORM queue_calendar(p_org_id, booked.id, booked.version, p_moment)
  FROM appointments AS booked
  WHERE booked.org_id = p_org_id AND booked.id = ANY (p_appointments)
    AND EXISTS (SELECT FROM calendar_events WHERE org_id = p_org_id AND appointment_id = booked.id);
  RETURN jsonb_build_object('queued', v_queued, 'unreachable', v_unreachable);
END $$;
REVOKE ALL ON FUNCTION strip_appointments FROM PUBLIC;

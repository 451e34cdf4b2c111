-- Purpose: what is needed to bring an appointment's calendar event up to date.
-- Guarantees: a calendar that an event may be put into is written down with the claim, before anything
--   is put there: whatever becomes of the attempt, the event will be found again and taken out.
-- Outcomes: "connection" and "event" of the calendar it belongs in, NULL where there is none; "former":
--   the same of calendars it is still in but belongs in no longer.
CREATE FUNCTION calendar_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_connection calendar_connections := calendar_of(p_delivery.org_id, (
    SELECT practitioner_id FROM appointments
    WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id));
BEGIN
  IF v_connection.id IS NOT NULL THEN
    INSERT INTO calendar_events
      (org_id, appointment_id, connection_id, event_id, version, starts_at, ends_at, updated_at)
    SELECT org_id, id, v_connection.id, replace(id::text, '-', ''), 0, scheduled_at, ends_at, current_moment()
    FROM appointments WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN jsonb_build_object(
    'appointment', delivered_appointment(p_delivery.org_id, p_delivery.subject_id),
    'connection', connection_details(v_connection),
    -- Whoever it was for was erased: nothing of it stays in a calendar, also when it is past.
    'erased', EXISTS (
      SELECT FROM appointments
      WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id AND metadata ? 'erased'),
    'event', (
      SELECT to_jsonb(calendar_events) FROM calendar_events
      WHERE org_id = p_delivery.org_id AND appointment_id = p_delivery.subject_id
        AND connection_id = v_connection.id AND version > 0),
    'former', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'connection', connection_details(connection), 'event', to_jsonb(event))), '[]')
      FROM calendar_events AS event
      JOIN calendar_connections AS connection
        ON connection.org_id = p_delivery.org_id AND connection.id = event.connection_id
      WHERE event.org_id = p_delivery.org_id AND event.appointment_id = p_delivery.subject_id
        AND connection.id IS DISTINCT FROM v_connection.id AND connection.status <> 'disconnected'));
END $$;
REVOKE ALL ON FUNCTION calendar_details FROM PUBLIC;

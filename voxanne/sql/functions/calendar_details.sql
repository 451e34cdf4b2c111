-- Purpose: what is needed to bring an appointment's calendar event up to date.
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
  RETURN jsonb_build_object(
    'appointment', delivered_appointment(p_delivery.org_id, p_delivery.subject_id),
    'connection', connection_details(v_connection),
    'event', (
      SELECT to_jsonb(calendar_events) FROM calendar_events
      WHERE org_id = p_delivery.org_id AND appointment_id = p_delivery.subject_id
        AND connection_id = v_connection.id),
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

-- Purpose: what the diary had when a call was over: what was booked, moved and cancelled in it, and
--   whatever else the caller's number has ahead; what happened later is taken away again, however late the
--   report came.
-- Outcomes: {"appointments": [{"appointment_id", "service_type", "scheduled_at", "standing", "booked",
--   "cancelled", "moved_from"}], "messages", "waitlist": how many}.
CREATE FUNCTION call_ledger(p_call calls) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_appointments_max constant integer := 100;
  c_slack constant interval := '1 minute';     -- between the platform's clock and ours
  c_ending constant interval := '2 minutes';   -- in which what the call began is committed
  v_from timestamptz := least(p_call.started_at, p_call.created_at) - c_slack;
  v_until timestamptz := coalesce(
    least(p_call.reported_at, p_call.ended_at + c_ending), current_moment()) + c_slack;
  v_leads uuid[];
BEGIN
  SELECT array_agg(id) INTO v_leads FROM leads
  WHERE org_id = p_call.org_id AND phone = p_call.caller_phone;
  v_leads := coalesce(v_leads, '{}') || p_call.lead_id;
  RETURN jsonb_build_object(
    'appointments', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'appointment_id', id, 'service_type', service_type,
        'scheduled_at', coalesce((
          SELECT data ->> 'from' FROM events
          WHERE org_id = p_call.org_id AND appointment_id = own.id AND kind = 'moved' AND created_at > v_until
          ORDER BY transaction_id, events.id LIMIT 1)::timestamptz, scheduled_at),
        'standing', status IN ('confirmed', 'completed', 'no_show') OR EXISTS (
          SELECT FROM events
          WHERE org_id = p_call.org_id AND appointment_id = own.id AND kind = 'cancelled' AND created_at > v_until),
        'booked', coalesce(call_id = p_call.call_id, false) OR created_at BETWEEN v_from AND v_until,
        'cancelled', EXISTS (
          SELECT FROM events
          WHERE org_id = p_call.org_id AND appointment_id = own.id AND kind = 'cancelled'
            AND (call_id = p_call.call_id OR created_at BETWEEN v_from AND v_until)),
        'moved_from', (
          SELECT data ->> 'from' FROM events
          WHERE org_id = p_call.org_id AND appointment_id = own.id AND kind = 'moved'
            AND (call_id = p_call.call_id OR created_at BETWEEN v_from AND v_until)
          ORDER BY transaction_id, events.id LIMIT 1)::timestamptz)
        ORDER BY scheduled_at, id), '[]')
      FROM (
        SELECT * FROM appointments
        WHERE org_id = p_call.org_id AND status NOT IN ('held', 'expired') AND id IN (
          SELECT id FROM appointments WHERE org_id = p_call.org_id AND call_id = p_call.call_id
          UNION ALL
          SELECT appointment_id FROM events
          WHERE org_id = p_call.org_id AND call_id = p_call.call_id AND kind IN ('moved', 'cancelled')
          UNION ALL
          SELECT id FROM appointments
          WHERE org_id = p_call.org_id AND contact_id = ANY (v_leads) AND scheduled_at > v_from)
        ORDER BY scheduled_at, id LIMIT c_appointments_max
      ) AS own),
    'messages', (
      SELECT count(*) FROM messages
      WHERE org_id = p_call.org_id AND created_at BETWEEN v_from AND v_until
        AND (call_id = p_call.call_id OR caller_phone = p_call.caller_phone)),
    'waitlist', (
      SELECT count(*) FROM waitlist
      WHERE org_id = p_call.org_id AND contact_id = ANY (v_leads)
        AND (call_id = p_call.call_id OR status IN ('waiting', 'offered')))
      + (SELECT count(*) FROM events
         WHERE org_id = p_call.org_id AND call_id = p_call.call_id AND kind = 'waitlist_joined'));
END $$;
REVOKE ALL ON FUNCTION call_ledger FROM PUBLIC;

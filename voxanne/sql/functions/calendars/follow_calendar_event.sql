-- Purpose: an event of ours was found in a calendar as it is described. If it was staff who moved or
-- deleted it, the appointment follows, or the event is put back: as the clinic chose.
-- p_restore: whatever the clinic chose, it is put back, and staff are told: so much was deleted at once
--   that it can't be meant.
-- Guarantees: what we wrote ourselves changes nothing; what we are about to write anyway has the last
--   word. A change that the appointment can't follow is put back, and staff are told.
-- Lock order: that of reschedule_appointment and cancel_appointment.
-- Outcomes: {"success", "did": nothing, moved, cancelled, put_back}.
CREATE FUNCTION follow_calendar_event(
  p_org_id uuid, p_connection_id uuid, p_event_id text, p_etag text, p_starts_at timestamptz,
  p_ends_at timestamptz, p_cancelled boolean, p_restore boolean DEFAULT false
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_booked appointments;
  v_known boolean;
  v_changes text;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF p_event_id ~ '^[0-9a-f]{32}$' THEN
    SELECT * INTO v_booked FROM appointments WHERE org_id = p_org_id AND id = p_event_id::uuid;
  END IF;
  IF v_booked.id IS NULL
     OR p_connection_id IS DISTINCT FROM (calendar_of(p_org_id, v_booked.practitioner_id)).id
     OR EXISTS (
       SELECT FROM deliveries
       WHERE org_id = p_org_id AND subject_id = v_booked.id AND channel = 'calendar'
         AND status IN ('queued', 'sending')) THEN
    RETURN json_build_object('success', true, 'did', 'nothing');
  END IF;
  v_known := EXISTS (
    SELECT FROM calendar_events
    WHERE org_id = p_org_id AND appointment_id = v_booked.id AND connection_id = p_connection_id
      AND version > 0);
  IF v_booked.status NOT IN ('confirmed', 'completed', 'no_show') AND p_cancelled
     OR v_known AND NOT p_cancelled
       AND (p_starts_at, p_ends_at) = (v_booked.scheduled_at, v_booked.ends_at) THEN
    UPDATE calendar_events SET etag = p_etag, starts_at = p_starts_at, ends_at = p_ends_at, updated_at = v_now
    WHERE org_id = p_org_id AND appointment_id = v_booked.id AND connection_id = p_connection_id
      AND NOT p_cancelled;
    RETURN json_build_object('success', true, 'did', 'nothing');
  END IF;
  SELECT CASE WHEN p_restore THEN 'restore' ELSE calendar_changes END
  INTO v_changes FROM organizations WHERE id = p_org_id;
  IF v_known AND v_changes = 'follow' AND v_booked.status = 'confirmed' AND v_booked.scheduled_at > v_now THEN
    v_result := CASE WHEN p_cancelled
      THEN cancel_appointment(
        p_org_id, v_booked.id, p_version => v_booked.version, p_source => 'calendar')
      ELSE reschedule_appointment(
        p_org_id, v_booked.id, p_starts_at, p_version => v_booked.version, p_source => 'calendar',
        p_duration_minutes => ceil(extract(epoch FROM p_ends_at - p_starts_at) / 60)::integer,
        p_alternatives => 0) END;
    IF (v_result ->> 'success')::boolean THEN
      UPDATE calendar_events SET etag = p_etag, starts_at = p_starts_at, ends_at = p_ends_at,
        version = (v_result ->> 'version')::integer, updated_at = v_now
      WHERE org_id = p_org_id AND appointment_id = v_booked.id AND connection_id = p_connection_id
        AND NOT p_cancelled;
      RETURN json_build_object('success', true, 'did', CASE WHEN p_cancelled THEN 'cancelled' ELSE 'moved' END);
    ELSIF v_result ->> 'error' = 'STALE_VERSION' THEN
      RETURN json_build_object('success', true, 'did', 'nothing');   -- it changed here, too
    END IF;
    PERFORM store_alert(p_org_id, 'calendar_conflict', NULL, NULL, v_booked.id, v_now);
  ELSIF v_booked.scheduled_at <= v_now AND v_booked.status <> 'cancelled' THEN
    RETURN json_build_object('success', true, 'did', 'nothing');     -- the past is left as it is
  END IF;
  IF p_restore THEN
    PERFORM store_alert(p_org_id, 'calendar_conflict', NULL, NULL, NULL, v_now);
  END IF;
  PERFORM queue_calendar(p_org_id, v_booked.id, v_booked.version, v_now);
  RETURN json_build_object('success', true, 'did', 'put_back');
END $$;
REVOKE ALL ON FUNCTION follow_calendar_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION follow_calendar_event TO voxanne_api;

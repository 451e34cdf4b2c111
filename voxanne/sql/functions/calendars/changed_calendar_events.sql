-- Purpose: which of a calendar's events are ours and not as we left them?
-- p_events: [{"id", "etag", "ours", "cancelled"}], at most one of each id. p_full: whatever isn't among
--   them is in the calendar no longer, as of p_claimed_at.
-- Outcomes: {"success", "changed": ids, "missing": ids}.
CREATE FUNCTION changed_calendar_events(
  p_org_id uuid, p_connection_id uuid, p_events jsonb, p_full boolean, p_window_starts_at timestamptz,
  p_window_ends_at timestamptz, p_claimed_at timestamptz
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_changed json;
  v_missing json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT json_agg(listed ->> 'id') INTO v_changed
  FROM jsonb_array_elements(p_events) AS listed
  LEFT JOIN calendar_events AS known
    ON known.org_id = p_org_id AND known.connection_id = p_connection_id
      AND known.event_id = listed ->> 'id' AND known.version > 0
  WHERE CASE WHEN known.event_id IS NULL THEN (listed ->> 'ours')::boolean
             ELSE (listed ->> 'cancelled')::boolean OR known.etag IS DISTINCT FROM listed ->> 'etag' END;
  IF p_full THEN
    SELECT json_agg(known.event_id) INTO v_missing
    FROM calendar_events AS known
    JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = known.appointment_id
    WHERE known.org_id = p_org_id AND known.connection_id = p_connection_id
      AND appointments.status = 'confirmed' AND known.version > 0 AND known.updated_at < p_claimed_at
      AND known.starts_at >= p_window_starts_at AND known.starts_at < p_window_ends_at
      AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(p_events) AS listed WHERE listed ->> 'id' = known.event_id);
  END IF;
  RETURN json_build_object(
    'success', true, 'changed', coalesce(v_changed, '[]'), 'missing', coalesce(v_missing, '[]'));
END $$;
REVOKE ALL ON FUNCTION changed_calendar_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION changed_calendar_events TO voxanne_api;

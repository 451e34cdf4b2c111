-- Purpose: a timeline's moves, cancellations, confirmations and whether people came: of the appointments
--   that are this person's now, whosever they were at the time.
CREATE FUNCTION timeline_events(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key, appointment_line(page.booked) || jsonb_build_object(
    'kind', page.kind, 'state', NULL, 'call_id', page.call_id, 'source', page.data ->> 'source',
    'from', page.data ->> 'from', 'to', page.data ->> 'to',
    'from_practitioner', CASE WHEN page.data ->> 'from_practitioner_id' <> page.data ->> 'to_practitioner_id' THEN (
      SELECT name FROM practitioners
      WHERE org_id = p_org_id AND id = (page.data ->> 'from_practitioner_id')::uuid AND NOT implicit) END,
    'to_practitioner', (
      SELECT name FROM practitioners
      WHERE org_id = p_org_id AND id = (page.data ->> 'to_practitioner_id')::uuid AND NOT implicit))
  FROM (
    SELECT appointments AS booked, events.*, '3-event-' || lpad(events.transaction_id::text, 20, '0') || '-' || lpad(events.id::text, 19, '0') AS sort_key
    FROM appointments JOIN events ON events.org_id = p_org_id AND appointment_id = appointments.id
    WHERE appointments.org_id = p_org_id AND contact_id = ANY (p_group)
      AND kind <> 'booked'   -- as the index has it
      AND kind IN ('moved', 'cancelled', 'confirmed', 'completed', 'no_show', 'patient_confirmed')
      AND (events.created_at, '3-event-' || lpad(events.transaction_id::text, 20, '0') || '-' || lpad(events.id::text, 19, '0')) < (p_before_at, p_before_key)
    ORDER BY events.created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_events FROM PUBLIC;

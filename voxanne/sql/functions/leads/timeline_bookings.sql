-- Purpose: a timeline's bookings, each with the time it was booked for first, and what it is now.
CREATE FUNCTION timeline_bookings(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT (page.booked).created_at, page.sort_key, appointment_line(page.booked) || jsonb_build_object(
    'kind', 'booked', 'state', (page.booked).status, 'source', (page.booked).source,
    'call_id', (page.booked).call_id,
    'scheduled_at', coalesce((
      SELECT (data ->> 'from')::timestamptz FROM events
      WHERE org_id = p_org_id AND appointment_id = (page.booked).id AND kind <> 'booked' AND kind = 'moved'
      ORDER BY transaction_id, id LIMIT 1), (page.booked).scheduled_at))
  FROM (
    SELECT appointments AS booked, '2-booked-' || id AS sort_key FROM appointments
    WHERE org_id = p_org_id AND contact_id = ANY (p_group) AND status NOT IN ('held', 'expired')
      AND (created_at, '2-booked-' || id) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, '2-booked-' || id DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_bookings FROM PUBLIC;

-- Purpose: what a timeline's numbers texted, and how each was answered: but for what is about the
--   appointment of somebody else in the household. Messages of ours about an appointment are its deliveries.
CREATE FUNCTION timeline_texts(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', CASE page.direction WHEN 'in' THEN 'text_in' ELSE 'text_out' END, 'text_id', page.id,
    'body', nullif(page.body, ''), 'appointment_id', page.appointment_id, 'phone', page.their_number,
    'delivery_id', CASE WHEN page.direction = 'out' THEN concat(page.id, '/', page.kind) END,
    'state', sent.status, 'error', sent.error, 'parked', sent.status = 'queued' AND NOT isfinite(sent.due_at),
    'next_try_at', CASE WHEN sent.status = 'queued' AND isfinite(sent.due_at) THEN sent.due_at END,
    'attempts', sent.attempts)
  FROM (
    SELECT texts.*, CASE direction WHEN 'in' THEN '1' ELSE '5' END || '-text-' || lpad(texts.place::text, 19, '0') AS sort_key
    FROM (
      SELECT * FROM texts WHERE org_id = p_org_id AND their_number = ANY (p_phones)
      OFFSET 0   -- or they would be looked for among everybody's, in the order of time
    ) AS texts
    WHERE (direction = 'in' OR kind = 'sms_reply')
      AND (appointment_id IS NULL OR NOT EXISTS (
        SELECT FROM appointments
        WHERE appointments.org_id = p_org_id AND appointments.id = texts.appointment_id
          AND contact_id <> ALL (p_group)))
      AND (created_at, CASE direction WHEN 'in' THEN '1' ELSE '5' END || '-text-' || lpad(texts.place::text, 19, '0')) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page
  LEFT JOIN deliveries AS sent ON sent.org_id = p_org_id AND sent.subject_id = page.id AND sent.kind = page.kind
    AND sent.version = page.version;
END $$;
REVOKE ALL ON FUNCTION timeline_texts FROM PUBLIC;

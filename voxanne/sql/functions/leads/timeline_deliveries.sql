-- Purpose: what a timeline's appointments sent out: messages with their words, calendar entries, each with
--   how it stands.
CREATE FUNCTION timeline_deliveries(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT (page.sent).created_at, page.sort_key, delivery_document(page.sent) - 'id' || jsonb_build_object(
    'kind', 'delivery', 'message', (page.sent).kind, 'state', (page.sent).status,
    'appointment_id', page.appointment_id, 'scheduled_at', page.scheduled_at, 'delivery_id', concat(
      (page.sent).subject_id, '/', (page.sent).kind),
    'practitioner', (
      SELECT name FROM practitioners WHERE org_id = p_org_id AND id = page.practitioner_id AND NOT implicit),
    'body', (
      SELECT nullif(body, '') FROM texts
      WHERE org_id = p_org_id AND appointment_id = (page.sent).subject_id AND kind = (page.sent).kind
        AND version = (page.sent).version AND direction = 'out' AND kind <> 'sms_reply'))
  FROM (
    SELECT deliveries AS sent, appointments.id AS appointment_id, scheduled_at, practitioner_id,
      '5-sent-' || subject_id || '/' || kind || '/' || deliveries.version AS sort_key
    FROM appointments JOIN deliveries ON deliveries.org_id = p_org_id AND subject_id = appointments.id
    WHERE appointments.org_id = p_org_id AND contact_id = ANY (p_group)
      AND (deliveries.created_at, '5-sent-' || subject_id || '/' || kind || '/' || deliveries.version)
        < (p_before_at, p_before_key)
    ORDER BY deliveries.created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_deliveries FROM PUBLIC;

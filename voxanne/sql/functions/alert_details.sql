-- Purpose: what is needed to tell staff of an alert. Kinds and ids, never a patient's details.
CREATE FUNCTION alert_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'alert_id', id, 'kind', kind, 'call_id', call_id, 'appointment_id', appointment_id,
      'message_id', message_id, 'created_at', created_at,
      'urls', (SELECT encode(alert_urls, 'base64') FROM organizations WHERE organizations.id = p_delivery.org_id))
    FROM alerts WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id);
END $$;
REVOKE ALL ON FUNCTION alert_details FROM PUBLIC;

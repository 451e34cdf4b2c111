-- Purpose: a delivery came to an end: the event log has it, and staff are told of one that failed.
CREATE FUNCTION record_delivery(p_delivery deliveries, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_appointment uuid := p_delivery.subject_id;
BEGIN
  -- An event about a webhook would be the next webhook's message, and so on without end.
  IF p_delivery.status NOT IN ('sent', 'delivered', 'failed') OR p_delivery.channel IN ('webhook', 'alert') THEN
    RETURN;
  END IF;
  IF p_delivery.kind = 'sms_reply' THEN
    v_appointment := (
      SELECT appointment_id FROM texts WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id);
  END IF;
  INSERT INTO events (org_id, kind, appointment_id, data, created_at)
  VALUES (p_delivery.org_id, 'delivery_' || p_delivery.status, v_appointment,
    jsonb_build_object('kind', p_delivery.kind, 'version', p_delivery.version), p_moment);
  IF p_delivery.status = 'failed' THEN
    PERFORM store_alert(p_delivery.org_id, 'delivery_failed', NULL, NULL, v_appointment, p_moment);
  END IF;
END $$;
REVOKE ALL ON FUNCTION record_delivery FROM PUBLIC;

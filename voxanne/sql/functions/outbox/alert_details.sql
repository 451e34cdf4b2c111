-- Purpose: what is needed to tell staff of an alert. Kinds, ids and counts, never a patient's details.
-- Guarantees: alerts of one kind that wait are told of together: the one that is claimed first counts
--   the others, which then need not be told. No more than c_told_max times an hour for one kind, so
--   that an outage doesn't send thousands of messages.
-- Outcomes: {"kind", …, "urls", "others": how many more it stands for, "told_with": the alert it was
--   told of with, its own id when it is told by itself, "wait_seconds": not before}.
CREATE FUNCTION alert_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_told_max constant integer := 6;
  c_emergencies_told_max constant integer := 60;
  c_hour constant interval := '1 hour';
  v_now timestamptz := current_moment();
  v_alert alerts;
  v_told timestamptz[];
  v_wait interval;
BEGIN
  SELECT * INTO v_alert FROM alerts WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id;
  IF v_alert.told_with IS NULL THEN
    SELECT array_agg(told_at ORDER BY told_at DESC) INTO v_told FROM alerts
    WHERE org_id = v_alert.org_id AND kind = v_alert.kind AND told_with = id AND told_at > v_now - c_hour;
    v_wait := v_told[CASE WHEN v_alert.kind LIKE 'emergency%' THEN c_emergencies_told_max ELSE c_told_max END]
      + c_hour - v_now;
  END IF;
  IF v_wait IS NULL AND coalesce(v_alert.told_with, v_alert.id) = v_alert.id THEN
    UPDATE alerts SET told_with = v_alert.id, told_at = v_now
    WHERE org_id = v_alert.org_id AND kind = v_alert.kind AND told_with IS NULL;
    v_alert.told_with := v_alert.id;
  END IF;
  RETURN jsonb_build_object(
    'alert_id', v_alert.id, 'kind', v_alert.kind, 'call_id', v_alert.call_id,
    'appointment_id', v_alert.appointment_id, 'message_id', v_alert.message_id,
    'created_at', v_alert.created_at,
    'urls', (SELECT encode(alert_urls, 'base64') FROM organizations WHERE id = v_alert.org_id),
    'others', (
      SELECT count(*) FROM alerts
      WHERE org_id = v_alert.org_id AND kind = v_alert.kind AND told_with = v_alert.id) - 1,
    'told_with', v_alert.told_with,
    'wait_seconds', ceil(extract(epoch FROM v_wait)));
END $$;
REVOKE ALL ON FUNCTION alert_details FROM PUBLIC;

-- Purpose: the writes of a staff alert: the alert, its event, and the delivery that tells staff.
-- Guarantees: one unseen alert per kind, call, message and appointment, save those of one instant, and
--   emergencies of which no call is known, since they may be different callers'; of
--   deliveries that fail one after the other, staff are told once in ten minutes, and see every one.
-- Outcomes: the alert's id, the earlier one's where there is one; NULL: there are too many to look at.
CREATE FUNCTION store_alert(
  p_org_id uuid, p_kind text, p_call_id text, p_message_id uuid, p_appointment_id uuid,
  p_moment timestamptz
) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_unseen_max constant integer := 10000;
  v_alert uuid;
  v_told boolean;
BEGIN
  SELECT id INTO v_alert FROM alerts
  WHERE org_id = p_org_id AND seen_at IS NULL AND kind = p_kind
    AND (p_kind <> 'emergency' OR p_call_id IS NOT NULL)
    AND call_id IS NOT DISTINCT FROM p_call_id AND message_id IS NOT DISTINCT FROM p_message_id
    AND appointment_id IS NOT DISTINCT FROM p_appointment_id
  LIMIT 1;
  IF FOUND OR (SELECT count(*) FROM (
      SELECT FROM alerts WHERE org_id = p_org_id AND seen_at IS NULL LIMIT c_unseen_max) AS unseen) >= c_unseen_max
  THEN
    RETURN v_alert;
  END IF;
  v_told := p_kind = 'delivery_failed' AND EXISTS (
    SELECT FROM alerts
    WHERE org_id = p_org_id AND kind = p_kind
      AND created_at >= date_bin('10 minutes', p_moment, 'epoch'));
  INSERT INTO alerts (org_id, kind, call_id, message_id, appointment_id, created_at)
  VALUES (p_org_id, p_kind, p_call_id, p_message_id, p_appointment_id, p_moment) RETURNING id INTO v_alert;
  INSERT INTO events (org_id, kind, appointment_id, call_id, data, created_at)
  VALUES (p_org_id, 'alert_raised', p_appointment_id, p_call_id,
          jsonb_build_object('alert_id', v_alert, 'kind', p_kind), p_moment);
  IF NOT v_told THEN
    INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, created_at, updated_at)
    VALUES (p_org_id, v_alert, 'alert', 1, p_moment, p_moment, p_moment);
  END IF;
  RETURN v_alert;
END $$;
REVOKE ALL ON FUNCTION store_alert FROM PUBLIC;

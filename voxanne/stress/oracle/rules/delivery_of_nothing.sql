-- Looks at: deliveries
-- A delivery is about an appointment, an alert, a webhook's message or a text of its own clinic. Texts
-- and webhooks' messages may be deleted, and then theirs may be left.
SELECT org_id, kind || ' of ' || subject_id AS what FROM deliveries
WHERE NOT EXISTS (
    SELECT FROM appointments WHERE appointments.org_id = deliveries.org_id AND id = subject_id)
  AND CASE
    WHEN kind = 'alert' THEN NOT EXISTS (
      SELECT FROM alerts WHERE alerts.org_id = deliveries.org_id AND id = subject_id)
    WHEN kind = 'webhook' THEN EXISTS (SELECT FROM webhook_messages WHERE id = subject_id) AND NOT EXISTS (
      SELECT FROM webhook_messages WHERE webhook_messages.org_id = deliveries.org_id AND id = subject_id)
    WHEN kind = 'sms_reply' THEN EXISTS (SELECT FROM texts WHERE id = subject_id) AND NOT EXISTS (
      SELECT FROM texts WHERE texts.org_id = deliveries.org_id AND id = subject_id)
    ELSE true END

-- Looks at: deliveries WHERE status IN ('sent', 'delivered', 'failed') AND channel IN ('calendar', 'sms', 'email')
-- How a delivery ended is in the event log. An answer to a text is known there by its appointment alone.
SELECT org_id, status || ': ' || kind || ' of ' || subject_id || ', version ' || version AS what
FROM deliveries
WHERE status IN ('sent', 'delivered', 'failed') AND channel IN ('calendar', 'sms', 'email')
  AND kind <> 'sms_reply'
  AND NOT EXISTS (
    SELECT FROM events
    WHERE events.org_id = deliveries.org_id AND appointment_id = subject_id
      AND events.kind = 'delivery_' || status AND data ->> 'kind' = deliveries.kind
      AND data ->> 'version' = version::text)

-- Looks at: events WHERE kind IN ('booked', 'moved', 'cancelled', 'waitlist_offered')
-- What must be delivered is stored with what causes it.
SELECT org_id, wanted.kind || ' of ' || appointment_id || ', version ' || wanted.version AS what
FROM events
CROSS JOIN LATERAL (
  SELECT 'calendar' AS kind, coalesce((data ->> 'version')::integer, 1) AS version
  WHERE events.kind <> 'waitlist_offered'
  UNION ALL SELECT 'sms_confirmation', 1 WHERE events.kind = 'booked'
  UNION ALL SELECT 'sms_waitlist_offer', 1 WHERE events.kind = 'waitlist_offered'
) AS wanted
WHERE events.kind IN ('booked', 'moved', 'cancelled', 'waitlist_offered') AND NOT EXISTS (
  SELECT FROM deliveries
  WHERE deliveries.org_id = events.org_id AND subject_id = appointment_id
    AND deliveries.kind = wanted.kind AND deliveries.version = wanted.version)

-- Looks at: appointments WHERE status = 'confirmed' AND contact_id IS NOT NULL
-- The same person, service and start is the same booking while it is live. What was moved there or taken
-- back was no booking, and of leads that staff took apart or put together it isn't known whose it was.
WITH together AS (
  SELECT org_id, contact_id, service_type, scheduled_at FROM appointments
  WHERE status = 'confirmed' AND contact_id IS NOT NULL
  GROUP BY org_id, contact_id, service_type, scheduled_at HAVING count(*) > 1
), changed AS (
  SELECT org_id, lead_id::text AS lead FROM events
  WHERE kind IN ('lead_split', 'lead_merged', 'lead_change_undone')
  UNION SELECT org_id, data ->> 'other_id' FROM events
  WHERE kind IN ('lead_split', 'lead_merged', 'lead_change_undone')
)
SELECT org_id, 'appointments ' || string_agg(id::text, ', ' ORDER BY id) || ' at ' || scheduled_at AS what
FROM together JOIN appointments USING (org_id, contact_id, service_type, scheduled_at)
WHERE status = 'confirmed'
  AND (org_id, contact_id::text) NOT IN (SELECT org_id, lead FROM changed WHERE lead IS NOT NULL)
  AND NOT EXISTS (
    SELECT FROM events
    WHERE events.org_id = appointments.org_id AND appointment_id = appointments.id
      AND kind IN ('moved', 'confirmed'))
GROUP BY org_id, contact_id, service_type, scheduled_at HAVING count(*) > 1

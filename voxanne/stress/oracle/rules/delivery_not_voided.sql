-- Looks at: deliveries
-- What nobody has tried yet is voided in the transaction that makes a newer version's. After an erasure
-- the calendar's entry is taken out by a version of its own.
SELECT org_id, kind || ' of ' || subject_id || ', version ' || version AS what
FROM deliveries AS waiting
WHERE status = 'queued' AND attempts = 0
  AND EXISTS (
    SELECT FROM deliveries AS newer
    WHERE newer.org_id = waiting.org_id AND newer.subject_id = waiting.subject_id
      AND newer.channel = waiting.channel AND newer.version > waiting.version)
  AND NOT EXISTS (
    SELECT FROM appointments
    WHERE appointments.org_id = waiting.org_id AND id = subject_id AND metadata ? 'erased')

-- Looks at: idempotency_keys
-- The answer that is kept of a request names an appointment or hold of that clinic: none is ever deleted.
SELECT org_id, 'the answer of ' || created_at || ' names ' || named AS what
FROM idempotency_keys
CROSS JOIN LATERAL (VALUES (result ->> 'appointment_id'), (result ->> 'hold_id')) AS told (named)
WHERE named IS NOT NULL AND NOT EXISTS (
  SELECT FROM appointments
  WHERE appointments.org_id = idempotency_keys.org_id AND appointments.id::text = named)

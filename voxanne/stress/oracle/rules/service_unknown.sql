-- Looks at: appointments
-- A clinic that has services is booked for those. What was booked before it had any may be of another,
-- and where the clock is set, before and after can't be told: nothing is said of those.
SELECT org_id, 'appointment ' || id || ' is of no service of the clinic' AS what FROM appointments
WHERE NOT EXISTS (SELECT FROM clock)
  AND created_at > (
    SELECT min(services.created_at) + interval '1 hour' FROM services
    WHERE services.org_id = appointments.org_id)
  AND NOT EXISTS (
    SELECT FROM services WHERE services.org_id = appointments.org_id AND key = service_type)

-- Looks at: events WHERE appointment_id IS NOT NULL
-- Appointments are never deleted, and no event tells of one that the clinic hasn't.
SELECT org_id, kind || ' of ' || appointment_id AS what FROM events
WHERE appointment_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM appointments WHERE appointments.org_id = events.org_id AND id = events.appointment_id)

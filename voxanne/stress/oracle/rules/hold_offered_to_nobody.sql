-- Looks at: appointments WHERE status = 'held' AND contact_id IS NOT NULL
-- A hold for a person is an offer from the waitlist, and somebody on it has it in hand.
SELECT org_id, 'hold ' || id AS what FROM appointments
WHERE status = 'held' AND contact_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM waitlist
  WHERE waitlist.org_id = appointments.org_id AND held_appointment_id = appointments.id
    AND waitlist.status = 'offered')

-- Looks at: appointments WHERE status = 'expired'
-- A hold is given back, which is an event of its own, or ends in the moment in which something takes its
-- place: a booking, another hold, a move, or an appointment that is taken back.
SELECT org_id, 'hold ' || id AS what FROM appointments AS held
WHERE status = 'expired' AND NOT metadata ? 'erased'
  AND NOT EXISTS (
    SELECT FROM events
    WHERE events.org_id = held.org_id AND appointment_id = held.id AND kind = 'released')
  AND NOT EXISTS (
    SELECT FROM events
    WHERE events.org_id = held.org_id AND events.created_at = held.updated_at
      AND kind IN ('booked', 'held', 'moved', 'confirmed') AND appointment_id <> held.id)

-- Looks at: waitlist
-- Who is offered a time has it held: by one hold, theirs, of the service and with whom they wished for,
-- and what was offered is written down. Nobody else has an offer.
SELECT entry.org_id, 'waitlist entry ' || entry.id AS what
FROM waitlist AS entry
LEFT JOIN appointments AS held ON held.org_id = entry.org_id AND held.id = held_appointment_id
WHERE (entry.status = 'offered') <> (held_appointment_id IS NOT NULL)
   OR entry.status NOT IN ('waiting', 'offered', 'booked', 'left')
   OR held_appointment_id IS NOT NULL AND (
     held.id IS NULL OR held.status NOT IN ('held', 'expired')
     OR held.contact_id IS DISTINCT FROM entry.contact_id OR held.service_type <> entry.service_type
     OR held.practitioner_id <> entry.practitioner_id
     OR NOT EXISTS (
       SELECT FROM waitlist_offers
       WHERE waitlist_offers.org_id = entry.org_id AND waitlist_id = entry.id
         AND appointment_id = held_appointment_id AND scheduled_at = held.scheduled_at)
     OR EXISTS (
       SELECT FROM waitlist AS other
       WHERE other.org_id = entry.org_id AND other.held_appointment_id = entry.held_appointment_id
         AND other.id <> entry.id))

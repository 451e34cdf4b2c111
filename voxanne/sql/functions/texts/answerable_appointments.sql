-- Purpose: what a text from this number can be about: its upcoming appointments and live offers, the
-- next first. An appointment is its caller's, and of whom its messages go to.
CREATE FUNCTION answerable_appointments(p_org_id uuid, p_phone text, p_moment timestamptz)
RETURNS TABLE (appointment_id uuid, waitlist_id uuid)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  WITH callers AS (
    SELECT id FROM leads WHERE org_id = p_org_id AND phone = p_phone
  ), booked AS (
    SELECT appointments.id, scheduled_at
    FROM callers JOIN appointments ON appointments.org_id = p_org_id AND contact_id = callers.id
    WHERE status = 'confirmed' AND scheduled_at > p_moment
    UNION
    SELECT appointments.id, scheduled_at
    FROM texts JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = texts.appointment_id
    WHERE texts.org_id = p_org_id AND their_number = p_phone AND direction = 'out'
      AND appointments.status = 'confirmed' AND scheduled_at > p_moment
      AND coalesce(metadata #>> '{patient,contact_phone}', metadata #>> '{patient,phone}') = p_phone
  ), offered AS (
    SELECT appointments.id, scheduled_at, waitlist.id AS entry
    FROM callers
    JOIN waitlist ON waitlist.org_id = p_org_id AND waitlist.contact_id = callers.id
    JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = held_appointment_id
    WHERE waitlist.status = 'offered' AND appointments.status = 'held' AND hold_expires_at > p_moment
  )
  SELECT id, entry FROM (
    SELECT id, scheduled_at, NULL::uuid AS entry FROM booked
    UNION ALL
    SELECT id, scheduled_at, entry FROM offered) AS answerable
  ORDER BY scheduled_at, id;
END $$;
REVOKE ALL ON FUNCTION answerable_appointments FROM PUBLIC;

-- Purpose: a caller takes the time that is offered: it is booked, by book_appointment_atomic.
-- Outcomes: the booking's result; or NOT_FOUND, NOT_YOURS, HOLD_EXPIRED, or whatever a booking is
--   refused with.
CREATE FUNCTION accept_offer(
  p_org_id uuid, p_waitlist_id uuid, p_caller_phone text DEFAULT NULL, p_call_id text DEFAULT NULL,
  p_source text DEFAULT 'sql',
  p_hold_id uuid DEFAULT NULL                -- the offer they saw; NULL: the one in hand
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_refusal json;
  v_entry waitlist;
  v_lead leads;
  v_hold appointments;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refusal := waitlist_refusal(p_org_id, p_waitlist_id, p_caller_phone, p_source, NULL);
  IF v_refusal IS NOT NULL THEN
    RETURN v_refusal;
  END IF;
  SELECT * INTO v_entry FROM waitlist WHERE org_id = p_org_id AND id = p_waitlist_id;
  SELECT * INTO v_lead FROM leads WHERE org_id = p_org_id AND id = v_entry.contact_id;
  -- The one in hand; or the last, so that a repeated yes finds what the first has booked.
  SELECT appointments.* INTO v_hold
  FROM waitlist_offers
  JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = appointment_id
  WHERE waitlist_offers.org_id = p_org_id AND waitlist_id = p_waitlist_id
    AND appointment_id = coalesce(p_hold_id, appointment_id)
  ORDER BY appointment_id = v_entry.held_appointment_id DESC NULLS LAST, waitlist_offers.created_at DESC
  LIMIT 1;
  IF v_hold.id IS NULL THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN book_appointment_atomic(
    p_org_id, v_lead.name, v_lead.email, v_lead.phone, v_hold.service_type, v_hold.scheduled_at,
    NULL, p_practitioner_id => v_hold.practitioner_id, p_hold_id => v_hold.id,
    p_call_id => p_call_id, p_source => p_source, p_phone_verified => v_lead.phone_verified);
END $$;
REVOKE ALL ON FUNCTION accept_offer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_offer TO voxanne_api;

-- Purpose: the person an appointment belongs to; of one whose lead is gone, the details it was booked
-- with.
CREATE FUNCTION find_owner(p_appointment appointments) RETURNS leads
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_lead leads;
BEGIN
  SELECT * INTO v_lead FROM leads
  WHERE org_id = p_appointment.org_id AND id = p_appointment.contact_id;
  IF NOT FOUND THEN
    v_lead.org_id := p_appointment.org_id;
    v_lead.name := p_appointment.metadata -> 'patient' ->> 'name';
    v_lead.person := person_key(v_lead.name);
    v_lead.phone := p_appointment.metadata -> 'patient' ->> 'phone';
  END IF;
  RETURN v_lead;
END $$;
REVOKE ALL ON FUNCTION find_owner FROM PUBLIC;

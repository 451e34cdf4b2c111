-- Purpose: whom a call was with: who was booked, moved or cancelled in it; else the only one of the
--   caller's number; of a household of several, nobody.
-- Outcomes: the lead's id, or NULL.
CREATE FUNCTION call_lead(p_org_id uuid, p_call_id text, p_caller_phone text) RETURNS uuid
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_lead uuid;
BEGIN
  SELECT leads.id INTO v_lead
  FROM appointments JOIN leads ON leads.org_id = p_org_id AND leads.id = contact_id
  WHERE appointments.org_id = p_org_id AND call_id = p_call_id
    AND appointments.status NOT IN ('held', 'expired')
  ORDER BY appointments.created_at DESC LIMIT 1;
  IF v_lead IS NOT NULL THEN
    RETURN v_lead;
  END IF;
  SELECT leads.id INTO v_lead
  FROM events JOIN leads ON leads.org_id = p_org_id AND leads.id = lead_id
  WHERE events.org_id = p_org_id AND call_id = p_call_id AND kind <> 'booked'
    AND kind NOT IN ('call_ended', 'call_reported')
  ORDER BY events.created_at DESC LIMIT 1;
  IF v_lead IS NOT NULL OR p_caller_phone IS NULL THEN
    RETURN v_lead;
  END IF;
  RETURN (
    SELECT (array_agg(id ORDER BY merged_into IS NOT NULL, created_at, id))[1] FROM leads
    WHERE org_id = p_org_id AND phone = p_caller_phone
    HAVING count(DISTINCT (lead_group(p_org_id, id))[1]) = 1);
END $$;
REVOKE ALL ON FUNCTION call_lead FROM PUBLIC;

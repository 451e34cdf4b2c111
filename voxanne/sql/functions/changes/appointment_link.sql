-- Purpose: the token of the patient's page of an appointment; made the first time somebody asks.
CREATE FUNCTION appointment_link(p_org_id uuid, p_appointment_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_token text;
BEGIN
  INSERT INTO appointment_links (org_id, appointment_id, created_at)
  VALUES (p_org_id, p_appointment_id, current_moment()) ON CONFLICT DO NOTHING;
  SELECT token INTO v_token FROM appointment_links
  WHERE org_id = p_org_id AND appointment_id = p_appointment_id;
  RETURN v_token;
END $$;
REVOKE ALL ON FUNCTION appointment_link FROM PUBLIC;

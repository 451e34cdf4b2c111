-- Purpose: a person in a line: enough to tell them from others.
CREATE FUNCTION lead_name(p_lead leads) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'lead_id', p_lead.id, 'name', p_lead.name, 'phone', p_lead.phone, 'email', p_lead.email,
    'created_at', p_lead.created_at);
END $$;
REVOKE ALL ON FUNCTION lead_name FROM PUBLIC;

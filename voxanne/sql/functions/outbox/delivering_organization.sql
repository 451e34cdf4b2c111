-- Purpose: what every message of a clinic needs to know of it.
CREATE FUNCTION delivering_organization(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
      'org_id', id, 'name', name, 'timezone', timezone, 'country', country, 'language', language,
      'address', address, 'phone', phone, 'email', email,
      'quiet_from', quiet_from, 'quiet_until', quiet_until, 'calendar_title', calendar_title,
      'now', current_moment())
    FROM organizations WHERE id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION delivering_organization FROM PUBLIC;

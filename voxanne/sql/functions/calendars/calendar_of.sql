-- Purpose: the calendar of a practitioner: their own, else the clinic's. NULL: there is none.
CREATE FUNCTION calendar_of(p_org_id uuid, p_practitioner_id uuid) RETURNS calendar_connections
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_connection calendar_connections;
BEGIN
  SELECT * INTO v_connection FROM calendar_connections
  WHERE org_id = p_org_id AND coalesce(practitioner_id, org_id) IN (p_practitioner_id, p_org_id)
    AND status <> 'disconnected'
  ORDER BY practitioner_id IS NULL LIMIT 1;
  RETURN v_connection;
END $$;
REVOKE ALL ON FUNCTION calendar_of FROM PUBLIC;

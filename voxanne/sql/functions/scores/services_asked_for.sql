-- Purpose: the services that somebody booked, waited for, or asked for in a call, and when, since then.
-- In a call: what it held or booked, and what its summary names by the service's own name.
CREATE FUNCTION services_asked_for(p_org_id uuid, p_leads uuid[], p_since timestamptz)
RETURNS TABLE (key text, at timestamptz)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  WITH spoken AS (
    SELECT calls.call_id, calls.summary, calls.started_at FROM calls
    WHERE org_id = p_org_id AND lead_id = ANY (p_leads) AND started_at > p_since
    ORDER BY started_at DESC LIMIT 50
  )
  SELECT service_type, created_at FROM appointments
  WHERE org_id = p_org_id AND contact_id = ANY (p_leads) AND created_at > p_since
  UNION ALL
  SELECT service_type, created_at FROM waitlist
  WHERE org_id = p_org_id AND contact_id = ANY (p_leads) AND created_at > p_since
  UNION ALL
  SELECT service_type, started_at
  FROM spoken JOIN appointments ON appointments.org_id = p_org_id AND appointments.call_id = spoken.call_id
  -- Held before it was known for whom; what was booked for somebody else of the household isn't theirs.
  WHERE contact_id IS NULL OR contact_id = ANY (p_leads)
  UNION ALL
  SELECT services.key, started_at
  FROM spoken JOIN services ON services.org_id = p_org_id AND services.active
    AND position(lower(services.name) IN lower(summary)) > 0;
END $$;
REVOKE ALL ON FUNCTION services_asked_for FROM PUBLIC;

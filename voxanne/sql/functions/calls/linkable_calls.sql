-- Purpose: an organization's calls of nobody whose number belongs to one person since lately.
CREATE FUNCTION linkable_calls(p_org_id uuid) RETURNS TABLE (call_id text, lead_id uuid)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_lately constant interval := '1 day';
  c_calls_max constant integer := 1000;
BEGIN
  RETURN QUERY
    SELECT found.call_id, found.lead
    FROM (
      SELECT calls.call_id, call_lead(p_org_id, calls.call_id, calls.caller_phone) AS lead
      FROM (
        SELECT DISTINCT phone FROM leads
        WHERE org_id = p_org_id AND created_at > current_moment() - c_lately) AS lately
      JOIN calls ON calls.org_id = p_org_id AND caller_phone = phone AND calls.lead_id IS NULL
      LIMIT c_calls_max) AS found
    WHERE found.lead IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION linkable_calls FROM PUBLIC;

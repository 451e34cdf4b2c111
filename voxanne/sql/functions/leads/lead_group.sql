-- Purpose: everybody who is one person with this lead, whether it is the kept one or was merged.
-- Outcomes: their ids, the kept lead's first; empty when there is no such lead.
CREATE FUNCTION lead_group(p_org_id uuid, p_lead_id uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_kept uuid;
BEGIN
  SELECT coalesce(merged_into, id) INTO v_kept FROM leads WHERE org_id = p_org_id AND id = p_lead_id;
  IF v_kept IS NULL THEN
    RETURN '{}';
  END IF;
  RETURN v_kept || ARRAY(
    SELECT id FROM leads WHERE org_id = p_org_id AND merged_into = v_kept ORDER BY created_at, id);
END $$;
REVOKE ALL ON FUNCTION lead_group FROM PUBLIC;

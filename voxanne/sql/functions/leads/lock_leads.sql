-- Purpose: locks two people, with all who are merged with either, against being merged, split or unmerged
--   by others. A booking for one of them waits as long.
-- Lock order: leads by id.
-- Outcomes: whether both are there.
CREATE FUNCTION lock_leads(p_org_id uuid, p_lead_id uuid, p_other_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_people uuid[] := lead_group(p_org_id, p_lead_id) || lead_group(p_org_id, p_other_id);
BEGIN
  PERFORM FROM leads WHERE org_id = p_org_id AND id = ANY (v_people) ORDER BY id FOR NO KEY UPDATE;
  RETURN (SELECT count(*) = 2 FROM leads WHERE org_id = p_org_id AND id IN (p_lead_id, p_other_id));
END $$;
REVOKE ALL ON FUNCTION lock_leads FROM PUBLIC;

-- Purpose: two leads turn out to be one person: p_other_id, and whoever was merged into it before, are
--   merged into p_lead_id, which stays.
-- Guarantees: a pointer, and no more: every appointment, text and call stays where it is, each number still
--   reaches only what was booked from it, and undo_lead_change undoes it exactly, whatever was merged since.
--   Only leads that aren't merged are merged, so that there's no chain and no circle.
-- Lock order: both groups of leads by id.
-- Outcomes: {"success", "change_id", "lead_id", "other_id"}; or INVALID_ARGUMENTS (with itself), NOT_FOUND,
--   STALE_VERSION (reason: merged) when one of them is merged by now, LIMIT_REACHED (100 in one).
CREATE FUNCTION merge_leads(p_org_id uuid, p_lead_id uuid, p_other_id uuid, p_staff_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_people_max constant integer := 100;
  v_now timestamptz;
  v_change uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_lead_id = p_other_id THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "other"}');
  ELSIF NOT lock_leads(p_org_id, p_lead_id, p_other_id) THEN
    RETURN refusal('NOT_FOUND');
  ELSIF EXISTS (
      SELECT FROM leads
      WHERE org_id = p_org_id AND id IN (p_lead_id, p_other_id) AND merged_into IS NOT NULL) THEN
    RETURN refusal('STALE_VERSION', '{"reason": "merged"}');
  ELSIF cardinality(lead_group(p_org_id, p_lead_id) || lead_group(p_org_id, p_other_id)) > c_people_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  v_now := current_moment();
  UPDATE leads SET merged_into = p_lead_id
  WHERE org_id = p_org_id AND (id = p_other_id OR merged_into = p_other_id);
  INSERT INTO lead_changes (org_id, kind, lead_id, other_id, staff_id, created_at)
  VALUES (p_org_id, 'merge', p_lead_id, p_other_id, p_staff_id, v_now) RETURNING id INTO v_change;
  INSERT INTO events (org_id, kind, lead_id, data, created_at)
  VALUES (p_org_id, 'lead_merged', p_lead_id,
          jsonb_build_object('change_id', v_change, 'other_id', p_other_id), v_now);
  RETURN json_build_object('success', true, 'change_id', v_change, 'lead_id', p_lead_id, 'other_id', p_other_id);
END $$;
REVOKE ALL ON FUNCTION merge_leads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION merge_leads TO voxanne_api;

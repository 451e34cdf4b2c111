-- Purpose: takes a note away. Whoever wrote it may, and the clinic's owners.
-- Outcomes: {"success", "note_id", "lead_id"}; or NOT_FOUND, UNAUTHORIZED.
CREATE FUNCTION delete_note(p_org_id uuid, p_lead_id uuid, p_note_id uuid, p_staff_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_note notes;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_note FROM notes
  WHERE org_id = p_org_id AND id = p_note_id AND lead_id = ANY (lead_group(p_org_id, p_lead_id)) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF (v_note.staff_id = p_staff_id) IS NOT TRUE AND NOT EXISTS (
      SELECT FROM memberships WHERE org_id = p_org_id AND staff_id = p_staff_id AND role = 'owner') THEN
    RETURN refusal('UNAUTHORIZED');
  END IF;
  DELETE FROM notes WHERE org_id = p_org_id AND id = p_note_id;
  RETURN json_build_object('success', true, 'note_id', p_note_id, 'lead_id', v_note.lead_id);
END $$;
REVOKE ALL ON FUNCTION delete_note FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_note TO voxanne_api;

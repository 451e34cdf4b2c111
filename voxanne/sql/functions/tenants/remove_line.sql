-- Purpose: a name of a voice line is an organization's no longer.
-- Outcomes: {"success"}; NOT_FOUND.
CREATE FUNCTION remove_line(p_org_id uuid, p_kind text, p_value text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM voice_lines WHERE org_id = p_org_id AND kind = p_kind AND value = p_value;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION remove_line FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_line TO voxanne_api;

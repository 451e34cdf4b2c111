-- Purpose: a clinic's own words for a kind of message in a language.
-- Outcomes: {"success", "body", "version"}, both null where it has none.
CREATE FUNCTION message_template(p_org_id uuid, p_kind text, p_language text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_template message_templates;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_template FROM message_templates
  WHERE org_id = p_org_id AND kind = p_kind AND language = p_language;
  RETURN json_build_object('success', true, 'body', v_template.body, 'version', v_template.version);
END $$;
REVOKE ALL ON FUNCTION message_template FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_template TO voxanne_api;

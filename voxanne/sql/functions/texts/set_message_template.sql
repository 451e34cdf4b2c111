-- Purpose: a clinic's own words for a kind of message in a language; NULL: the built-in ones again.
-- What a text may hold is checked before (voxanne/texts/templates.py); this bounds it.
-- Outcomes: those of message_template; or STALE_VERSION, INVALID_ARGUMENTS, INVALID_ORGANIZATION.
CREATE FUNCTION set_message_template(
  p_org_id uuid, p_kind text, p_language text, p_body text, p_version integer DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_version integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF coalesce(p_kind, '') !~ '^sms_[a-z_]{1,40}$' OR coalesce(p_language, '') !~ '^[a-z]{2}$'
     OR length(p_body) NOT BETWEEN 1 AND 1600 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  -- One at a time, so that a version is meant for what it was read from.
  PERFORM FROM organizations WHERE id = p_org_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  SELECT version INTO v_version FROM message_templates
  WHERE org_id = p_org_id AND kind = p_kind AND language = p_language;
  IF p_version IS NOT NULL AND p_version <> coalesce(v_version, 0) THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', coalesce(v_version, 0)));
  END IF;
  IF p_body IS NULL THEN
    DELETE FROM message_templates WHERE org_id = p_org_id AND kind = p_kind AND language = p_language;
  ELSE
    INSERT INTO message_templates AS known (org_id, kind, language, body, updated_at)
    VALUES (p_org_id, p_kind, p_language, p_body, current_moment())
    ON CONFLICT (org_id, kind, language) DO UPDATE
      SET body = excluded.body, version = known.version + 1, updated_at = excluded.updated_at;
  END IF;
  RETURN message_template(p_org_id, p_kind, p_language);
END $$;
REVOKE ALL ON FUNCTION set_message_template FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_message_template TO voxanne_api;

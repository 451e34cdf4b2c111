-- Purpose: corrects a person's details. p_changes: any of name, email, birth_date; null takes the last
-- two away. The number stays: another number is another lead.
-- Guarantees: only what is named changes; the event holds the fields' names, never their values.
-- Lock order: the lead's row alone.
-- Outcomes: {"success", "lead"}; NOT_FOUND, STALE_VERSION, INVALID_NAME, INVALID_EMAIL, INVALID_DATE,
-- INVALID_ARGUMENTS; NEEDS_CONFIRMATION (needs: name) when the number has somebody of that name.
CREATE FUNCTION save_lead(
  p_org_id uuid, p_lead_id uuid, p_changes jsonb, p_version integer DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_lead leads;
  v_name text := normalize_name(p_changes ->> 'name');
  v_email text := normalize_email(p_changes ->> 'email');
  v_birth_date date;
  v_refused text;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refused := CASE
    WHEN jsonb_typeof(p_changes) IS DISTINCT FROM 'object'
      OR p_changes - '{name,email,birth_date}'::text[] <> '{}' THEN 'INVALID_ARGUMENTS'
    WHEN p_changes ? 'name' AND v_name IS NULL THEN 'INVALID_NAME'
    WHEN v_email IS NULL AND p_changes ->> 'email' ~ '\S' THEN 'INVALID_EMAIL'
    WHEN p_changes ->> 'birth_date' !~ '^\d{4}-\d\d-\d\d$' THEN 'INVALID_DATE'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  SELECT * INTO v_lead FROM leads WHERE org_id = p_org_id AND id = p_lead_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_lead.version <> p_version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', v_lead.version));
  END IF;
  BEGIN
    v_birth_date := p_changes ->> 'birth_date';
    UPDATE leads SET
      name = coalesce(v_name, name),
      person = coalesce(person_key(v_name), person),
      email = CASE WHEN p_changes ? 'email' THEN v_email ELSE email END,
      birth_date = CASE WHEN p_changes ? 'birth_date' THEN v_birth_date ELSE birth_date END,
      version = version + 1,
      updated_at = current_moment()
    WHERE org_id = p_org_id AND id = p_lead_id
    RETURNING * INTO v_lead;
  EXCEPTION
    WHEN unique_violation THEN
      RETURN refusal('NEEDS_CONFIRMATION', '{"needs": "name"}');
    WHEN datetime_field_overflow OR check_violation THEN   -- 30 February; before 1890
      RETURN refusal('INVALID_DATE');
  END;
  INSERT INTO events (org_id, kind, lead_id, data, created_at)
  SELECT p_org_id, 'lead_changed', p_lead_id, jsonb_build_object('fields', jsonb_agg(field)),
    v_lead.updated_at
  FROM jsonb_object_keys(p_changes) AS field;
  RETURN json_build_object('success', true, 'lead', lead_document(v_lead));
END $$;
REVOKE ALL ON FUNCTION save_lead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_lead TO voxanne_api;

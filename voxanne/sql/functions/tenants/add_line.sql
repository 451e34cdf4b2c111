-- Purpose: a voice line becomes an organization's by each of its names, all or none.
-- p_names: of "phone_number_id", "number" (kept in E.164), "assistant_id" those that are known.
-- Outcomes: {"success"}; INVALID_ORGANIZATION; LIMIT_REACHED; with "where", the kind of name:
--   INVALID_PHONE, INVALID_ARGUMENTS, also for a line that is another organization's.
CREATE FUNCTION add_line(p_org_id uuid, p_names jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_lines_max constant integer := 1000;
  v_kind text;
  v_value text;
  v_owner uuid;
  v_refused json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF jsonb_typeof(p_names) IS DISTINCT FROM 'object' OR p_names = '{}' THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"message": "The line is not named"}');
  ELSIF (SELECT count(*) FROM voice_lines WHERE org_id = p_org_id) >= c_lines_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  BEGIN
    FOR v_kind, v_value IN SELECT key, btrim(value) FROM jsonb_each_text(p_names) ORDER BY key LOOP
      IF v_kind NOT IN ('phone_number_id', 'number', 'assistant_id')
          OR coalesce(length(v_value), 0) NOT BETWEEN 1 AND 200 THEN
        v_refused := refusal('INVALID_ARGUMENTS', jsonb_build_object('where', v_kind));
      ELSIF v_kind = 'number' AND normalize_phone(v_value) IS NULL THEN
        v_refused := refusal('INVALID_PHONE', jsonb_build_object('where', v_kind,
          'message', format('%s is no full number; write it as +442071234567', v_value)));
      ELSE
        v_value := CASE v_kind WHEN 'number' THEN normalize_phone(v_value) ELSE v_value END;
        INSERT INTO voice_lines (kind, value, org_id, created_at)
        VALUES (v_kind, v_value, p_org_id, current_moment())
        ON CONFLICT (kind, value) DO UPDATE SET kind = excluded.kind RETURNING org_id INTO v_owner;
        IF v_owner <> p_org_id THEN
          v_refused := refusal('INVALID_ARGUMENTS', jsonb_build_object('where', v_kind,
            'message', format('The %s %s belongs to another organization', replace(v_kind, '_', ' '), v_value)));
        END IF;
      END IF;
      IF v_refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VX001';
      END IF;
    END LOOP;
  EXCEPTION
    WHEN SQLSTATE 'VX001' THEN RETURN v_refused;
  END;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION add_line FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_line TO voxanne_api;

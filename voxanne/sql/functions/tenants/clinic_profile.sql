-- Purpose: what the API must know of a clinic to understand a caller.
-- Outcomes: {"id", "name", "timezone", "country", "language", "caller_check", "red_flags",
-- "assistant_id" (the voice platform's, if one is registered), "clock_offset_seconds"}, or NULL.
CREATE FUNCTION clinic_profile(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT json_build_object(
      'id', id, 'name', name, 'timezone', timezone, 'country', country, 'language', language,
      'caller_check', caller_check, 'red_flags', red_flags,
      'assistant_id', (SELECT value FROM voice_lines
                       WHERE org_id = p_org_id AND kind = 'assistant_id'
                       ORDER BY created_at, value LIMIT 1),
      'clock_offset_seconds', coalesce((SELECT extract(epoch FROM clock_offset) FROM clock), 0))
    FROM organizations WHERE id = p_org_id
  );
END $$;
REVOKE ALL ON FUNCTION clinic_profile FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clinic_profile TO voxanne_api;

-- Purpose: the organization of a registered line, by the surest of its names that is registered:
-- the number's id, the number, the assistant.
-- Outcomes: NULL when none is.
CREATE FUNCTION find_voice_line(p_phone_number_id text, p_number text, p_assistant_id text)
RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT org_id FROM voice_lines
    WHERE (kind, value) IN (('phone_number_id', p_phone_number_id), ('number', normalize_phone(p_number)),
                            ('assistant_id', p_assistant_id))
    ORDER BY kind = 'phone_number_id' DESC, kind = 'number' DESC
    LIMIT 1
  );
END $$;
REVOKE ALL ON FUNCTION find_voice_line FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_voice_line TO voxanne_api;

-- Purpose: what tells the people of one household apart: the name without case, accents,
-- punctuation and spacing. Never used to show a name.
CREATE FUNCTION person_key(p_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
  v_key text COLLATE unicode_text := p_name;
BEGIN
  IF p_name ~ '^[a-zA-Z ]+$' THEN
    RETURN lower(p_name);
  END IF;
  v_key := regexp_replace(lower(normalize(v_key, NFKD)), '[\u0300-\u036f''’.,\-]', '', 'g');
  RETURN coalesce(nullif(btrim(regexp_replace(v_key, '\s+', ' ', 'g')), ''), lower(p_name));
END $$;
REVOKE ALL ON FUNCTION person_key FROM PUBLIC;

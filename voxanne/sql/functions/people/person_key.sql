-- Purpose: what tells the people of one household apart: the name without case, accents,
-- punctuation and spacing. Never used to show a name.
CREATE FUNCTION person_key(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_name ~ '^[a-zA-Z ]+$' THEN lower(p_name)
    ELSE coalesce(
      nullif(btrim(regexp_replace(
        regexp_replace(lower(normalize(p_name COLLATE unicode_text, NFKD)),
                       '[\u0300-\u036f''’.,\-]', '', 'g'),
        '\s+', ' ', 'g')), ''),
      lower(p_name))
  END
$$;
REVOKE ALL ON FUNCTION person_key FROM PUBLIC;

-- Purpose: normalize_name for every name that isn't plainly a few capitalized ASCII words.
CREATE FUNCTION normalize_unusual_name(p_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
  c_name_characters_max constant integer := 120;
  c_forbidden constant text :=
    '[\u0001-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060-\u2069\u2190-\u23ff\u2460-\u27bf\u2b00-\u2bff\ue000-\uf8ff\ufe0f\ufff9-\uffff\U0001f000-\U0001faff\U000e0000-\U000e007f]';
  c_particles constant text[] := ARRAY['van', 'von', 'der', 'den', 'de', 'del', 'della', 'di', 'da',
    'dos', 'das', 'du', 'la', 'le', 'bin', 'ibn', 'al', 'el', 'ter', 'ten', 'zu', 'y'];
  v_name text COLLATE unicode_text;
  v_words text[];
  v_word text COLLATE unicode_text;
  v_mixed boolean;
BEGIN
  IF length(p_name) > 4 * c_name_characters_max THEN
    RETURN NULL;
  END IF;
  v_name := btrim(regexp_replace(normalize(p_name, NFC), '[\s\u00a0\u200e\u200f\ufeff]+', ' ', 'g'));
  IF length(v_name) NOT BETWEEN 1 AND c_name_characters_max
     OR v_name ~ c_forbidden OR v_name !~ '[[:alpha:]]' THEN
    RETURN NULL;
  END IF;
  v_mixed := v_name <> lower(v_name) AND v_name <> upper(v_name);
  IF v_name ~ '^[[:upper:]]{1,2}( [[:upper:]]{1,2})*$' THEN
    RETURN v_name;   -- initials only
  END IF;
  v_words := string_to_array(v_name, ' ');
  FOR v_i IN 1 .. cardinality(v_words) LOOP
    v_word := v_words[v_i];
    v_words[v_i] := CASE
      WHEN v_word <> lower(v_word) AND v_word <> upper(v_word) THEN v_word
      WHEN v_i > 1 AND v_i < cardinality(v_words) AND lower(v_word) = ANY (c_particles)
        THEN lower(v_word)
      WHEN v_i > 1 AND v_word ~ '^[IVX]{2,4}$' THEN v_word
      WHEN v_mixed AND v_word = upper(v_word) AND length(v_word) <= 2 THEN v_word
      ELSE initcap(v_word)
    END;
  END LOOP;
  RETURN array_to_string(v_words, ' ');
END $$;
REVOKE ALL ON FUNCTION normalize_unusual_name FROM PUBLIC;

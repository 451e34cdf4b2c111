-- Purpose: whom a caller means: by id, by full name, or by words of the name ("Dr Chen").
-- Outcomes: a list of {"id", "name"}: empty when nobody fits, several when it could be either.
CREATE FUNCTION find_practitioner(p_org_id uuid, p_said text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_said text := person_key(left(p_said, 200));
  v_words text[] := array_remove(
    string_to_array(regexp_replace(v_said, '\m(dr|doctor|mr|mrs|ms|miss|prof|professor)\M', '', 'g'), ' '),
    '');
  v_found json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN '[]';
  END IF;
  SELECT json_agg(json_build_object('id', id, 'name', name) ORDER BY name) INTO v_found
  FROM practitioners
  WHERE org_id = p_org_id AND active AND NOT implicit
    AND (id::text = lower(p_said) OR person_key(name) = v_said);
  IF v_found IS NULL AND cardinality(v_words) > 0 THEN
    SELECT json_agg(json_build_object('id', id, 'name', name) ORDER BY name) INTO v_found
    FROM practitioners
    WHERE org_id = p_org_id AND active AND NOT implicit
      AND string_to_array(person_key(name), ' ') @> v_words;
  END IF;
  RETURN coalesce(v_found, '[]');
END $$;
REVOKE ALL ON FUNCTION find_practitioner FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_practitioner TO voxanne_api;

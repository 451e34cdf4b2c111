-- Purpose: the fields of an object whose values another one doesn't have; NULL for NULL.
CREATE FUNCTION differing_fields(p_object jsonb, p_other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN p_object IS NOT NULL THEN (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(p_object)
    WHERE value IS DISTINCT FROM p_other -> key) END
$$;
REVOKE ALL ON FUNCTION differing_fields FROM PUBLIC;

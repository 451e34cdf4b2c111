-- Purpose: can these be a clinic's weights? Known names, whole points from -100 to 100, thresholds in
-- order within 1 to 100, at most 200 services.
CREATE FUNCTION fits_score_weights(p_weights jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  c_services_max constant integer := 200;
  v_points jsonb;
BEGIN
  IF jsonb_typeof(p_weights) IS DISTINCT FROM 'object'
     OR p_weights - '{hot,warm,weights,services}'::text[] <> '{}'
     OR NOT p_weights ?& '{hot,warm,weights,services}'
     OR jsonb_typeof(p_weights -> 'weights') <> 'object' OR jsonb_typeof(p_weights -> 'services') <> 'object'
     OR NOT default_score_weights() -> 'weights' ?& ARRAY(SELECT jsonb_object_keys(p_weights -> 'weights'))
     OR (SELECT count(*) > c_services_max OR bool_or(length(key) NOT BETWEEN 1 AND 100)
         FROM jsonb_object_keys(p_weights -> 'services') AS key) THEN
    RETURN false;
  END IF;
  FOR v_points IN
    SELECT value FROM jsonb_each((p_weights -> 'weights'))
    UNION ALL SELECT value FROM jsonb_each((p_weights -> 'services'))
    UNION ALL VALUES (p_weights -> 'hot'), (p_weights -> 'warm')
  LOOP
    IF jsonb_typeof(v_points) <> 'number' OR v_points::numeric NOT BETWEEN -100 AND 100
       OR v_points::numeric <> trunc(v_points::numeric) THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN (p_weights -> 'warm')::numeric >= 1 AND (p_weights -> 'warm')::numeric < (p_weights -> 'hot')::numeric;
END $$;
REVOKE ALL ON FUNCTION fits_score_weights FROM PUBLIC;

-- Purpose: is a configuration's value of its field's kind, and within its bounds?
-- p_kind: text (p_least to p_most characters, on one line), integer (p_least to p_most), boolean,
-- texts (at most p_most, of 1 to 100 characters each), integers (at most five, p_least to p_most, no
-- two the same), uuid, time, date, instant.
-- p_pattern: what a text must match.
CREATE FUNCTION fits_field(
  p_value jsonb, p_kind text, p_least bigint, p_most bigint, p_pattern text
) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_text text := p_value #>> '{}';
BEGIN
  IF p_kind = 'integer' THEN
    RETURN jsonb_typeof(p_value) = 'number' AND v_text ~ '^-?[0-9]{1,15}$'
      AND v_text::bigint BETWEEN p_least AND p_most;
  ELSIF p_kind = 'boolean' THEN
    RETURN jsonb_typeof(p_value) = 'boolean';
  ELSIF p_kind = 'texts' THEN
    RETURN jsonb_typeof(p_value) = 'array' AND jsonb_array_length(p_value) <= p_most AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(p_value) AS element
      WHERE NOT fits_field(element, 'text', 1, 100, NULL));
  ELSIF p_kind = 'integers' THEN
    RETURN jsonb_typeof(p_value) = 'array' AND jsonb_array_length(p_value) <= 5
      AND (SELECT count(*) = count(DISTINCT element) AND coalesce(bool_and(
             fits_field(element, 'integer', p_least, p_most, NULL)), true)
           FROM jsonb_array_elements(p_value) AS element);
  ELSIF jsonb_typeof(p_value) <> 'string' OR v_text ~ '[[:cntrl:]]' THEN
    RETURN false;
  ELSIF p_kind = 'text' THEN
    RETURN length(btrim(v_text)) BETWEEN p_least AND p_most AND v_text ~ coalesce(p_pattern, '');
  END IF;
  IF v_text !~ (CASE p_kind
      WHEN 'uuid' THEN '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
      WHEN 'time' THEN '^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00)$'
      WHEN 'date' THEN '^2[0-9]{3}-[0-9]{2}-[0-9]{2}$'
      WHEN 'instant' THEN
        '^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$'
    END) THEN
    RETURN false;
  END IF;
  IF p_kind IN ('date', 'instant') THEN
    BEGIN
      PERFORM CASE p_kind WHEN 'date' THEN v_text::date::timestamptz ELSE v_text::timestamptz END;
    EXCEPTION
      WHEN data_exception THEN RETURN false;
    END;
  END IF;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION fits_field FROM PUBLIC;

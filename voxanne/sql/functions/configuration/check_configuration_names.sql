-- Purpose: does every name in a configuration's document mean one thing? No two practitioners, rooms
-- or services are called alike, and whoever is referred to is in the document or, where it lacks
-- their section, in the clinic. Case makes no difference. A price has a currency.
-- Outcomes: NULL; or a refusal() INVALID_ARGUMENTS, UNKNOWN_SERVICE or UNKNOWN_PRACTITIONER.
CREATE FUNCTION check_configuration_names(p_org_id uuid, p_document jsonb) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_problem record;
BEGIN
  WITH known AS (
    SELECT 'practitioners' AS section, id::text AS id, folded_name(name) AS name
    FROM practitioners WHERE org_id = p_org_id AND NOT implicit
    UNION ALL
    SELECT 'rooms', id::text, folded_name(name) FROM rooms WHERE org_id = p_org_id
    UNION ALL
    SELECT 'services', key, folded_name(name) FROM services WHERE org_id = p_org_id
  ), entry AS (
    SELECT section, number - 1 AS number, value, folded_name(value ->> 'name') AS name,
      folded_name(value ->> 'practitioner') AS practitioner,
      lower(btrim(coalesce(value ->> 'id', value ->> 'key'))) AS id
    FROM unnest(ARRAY['services', 'practitioners', 'rooms', 'hours', 'breaks', 'exceptions', 'absences'])
      AS section
    CROSS JOIN jsonb_array_elements(coalesce(p_document -> section, '[]')) WITH ORDINALITY
      AS element (value, number)
  ), called AS (
    -- A service answers to its key and to its name.
    SELECT section, number, id AS calling FROM entry WHERE id IS NOT NULL
    UNION
    SELECT section, number, name FROM entry WHERE name IS NOT NULL
  ), repeated AS (
    SELECT section, number, lag(number) OVER (PARTITION BY section, calling ORDER BY number) AS earlier
    FROM called
  ), offered AS (
    SELECT id FROM entry WHERE section = 'services'
    UNION ALL
    SELECT id FROM known WHERE section = 'services' AND NOT p_document ? 'services'
  ), employed AS (
    SELECT name FROM entry WHERE section = 'practitioners'
    UNION ALL
    SELECT name FROM known WHERE section = 'practitioners' AND NOT p_document ? 'practitioners'
  )
  SELECT * INTO v_problem FROM (
    SELECT section, number, '.name' AS field, 'INVALID_ARGUMENTS' AS code,
      format('%s[%s] is called the same', section, earlier) AS message
    FROM repeated WHERE earlier IS NOT NULL
    UNION ALL
    -- Renamed to what somebody is called whom the document lacks.
    SELECT section, number, '.name', 'INVALID_ARGUMENTS', 'One who is inactive is called the same'
    FROM entry
    WHERE EXISTS (SELECT FROM known WHERE known.section = entry.section AND known.id = entry.id)
      AND EXISTS (
        SELECT FROM known
        WHERE known.section = entry.section AND known.name = entry.name AND known.id <> entry.id
          AND NOT EXISTS (SELECT FROM entry AS other
                          WHERE other.section = known.section AND other.id = known.id))
    UNION ALL
    SELECT section, number, '.practitioner', 'UNKNOWN_PRACTITIONER',
      format('There is no practitioner %s', value ->> 'practitioner')
    FROM entry
    WHERE practitioner IS NOT NULL
      AND NOT EXISTS (SELECT FROM employed WHERE employed.name = practitioner)
    UNION ALL
    SELECT section, entry.number, format('.services[%s]', listed.number - 1), 'UNKNOWN_SERVICE',
      format('There is no service %s', key)
    FROM entry
    CROSS JOIN jsonb_array_elements_text(coalesce(value -> 'services', '[]')) WITH ORDINALITY
      AS listed (key, number)
    WHERE section IN ('practitioners', 'rooms')
      AND lower(btrim(key)) NOT IN (SELECT id FROM offered)
    UNION ALL
    SELECT section, number, '.currency', 'INVALID_ARGUMENTS', 'A price has an amount and a currency'
    FROM entry
    WHERE section = 'services'
      AND (value ->> 'price_minor_units' IS NULL) <> (value ->> 'currency' IS NULL)
  ) AS problem
  ORDER BY section, number, field LIMIT 1;
  IF FOUND THEN
    RETURN refusal(v_problem.code, jsonb_build_object('message', v_problem.message,
      'where', format('%s[%s]%s', v_problem.section, v_problem.number, v_problem.field)));
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION check_configuration_names FROM PUBLIC;

-- Purpose: writes the practitioners or the rooms of a configuration's document (p_section) with the
-- services of each: matched by id, else by name, else new. Those it lacks become inactive, and keep
-- neither services nor hours.
-- Called by configure_clinic under its lock, after store_services, nowhere else.
CREATE FUNCTION store_members(p_org_id uuid, p_document jsonb, p_section text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_link_table text := CASE p_section WHEN 'rooms' THEN 'room_services' ELSE 'practitioner_services' END;
  v_link_column text := CASE p_section WHEN 'rooms' THEN 'room_id' ELSE 'practitioner_id' END;
  v_ids uuid[];
BEGIN
  IF NOT p_document ? p_section THEN
    RETURN;
  END IF;
  -- The implicit practitioner, whose id is the clinic's, is nobody's to configure.
  EXECUTE format($query$
    WITH said AS (
      SELECT number, value ->> 'name' AS name, (value ->> 'id')::uuid AS id
      FROM jsonb_array_elements($2) WITH ORDINALITY AS element (value, number)
    ), by_id AS (
      SELECT number, known.id FROM said
      JOIN %1$I AS known ON known.org_id = $1 AND known.id = said.id AND known.id <> $1
    ), by_name AS (
      SELECT DISTINCT ON (number) number, known.id FROM said
      JOIN %1$I AS known ON known.org_id = $1 AND known.id <> $1
        AND folded_name(known.name) = folded_name(said.name)
      WHERE known.id NOT IN (SELECT id FROM by_id)
      ORDER BY number, known.active DESC, known.id
    )
    SELECT coalesce(array_agg(coalesce(by_id.id, by_name.id, gen_random_uuid()) ORDER BY number), '{}')
    FROM said LEFT JOIN by_id USING (number) LEFT JOIN by_name USING (number)
  $query$, p_section) INTO v_ids USING p_org_id, p_document -> p_section;
  EXECUTE format($query$
    INSERT INTO %I (org_id, id, name, active)
    SELECT $1, $3[number], btrim(value ->> 'name'), coalesce((value ->> 'active')::boolean, true)
    FROM jsonb_array_elements($2) WITH ORDINALITY AS element (value, number)
    ON CONFLICT (org_id, id) DO UPDATE SET name = excluded.name, active = excluded.active
  $query$, p_section) USING p_org_id, p_document -> p_section, v_ids;
  EXECUTE format('UPDATE %I SET active = false WHERE org_id = $1 AND id <> $1 AND active AND id <> ALL ($2)',
                 p_section) USING p_org_id, v_ids;
  EXECUTE format('DELETE FROM %I WHERE org_id = $1', v_link_table) USING p_org_id;
  EXECUTE format($query$
    INSERT INTO %I (org_id, %I, service_key)
    SELECT DISTINCT $1, $3[number], lower(btrim(key))
    FROM jsonb_array_elements($2) WITH ORDINALITY AS element (value, number)
    CROSS JOIN jsonb_array_elements_text(coalesce(value -> 'services', '[]')) AS key
  $query$, v_link_table, v_link_column) USING p_org_id, p_document -> p_section, v_ids;
  IF p_section = 'practitioners' THEN
    DELETE FROM opening_hours WHERE org_id = p_org_id AND practitioner_id <> ALL (v_ids);
    DELETE FROM breaks WHERE org_id = p_org_id AND practitioner_id <> ALL (v_ids);
    DELETE FROM date_exceptions WHERE org_id = p_org_id AND practitioner_id <> ALL (v_ids);
    DELETE FROM absences WHERE org_id = p_org_id AND practitioner_id <> ALL (v_ids);
  END IF;
END $$;
REVOKE ALL ON FUNCTION store_members FROM PUBLIC;

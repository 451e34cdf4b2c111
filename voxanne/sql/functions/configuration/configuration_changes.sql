-- Purpose: what differs between two configurations, as staff read it.
-- Outcomes: [{"section", "name", "before", "after"}]: before is null for what is new, after for what
-- is gone; of a changed service, practitioner or room only the fields that differ.
CREATE FUNCTION configuration_changes(p_before jsonb, p_after jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'section', section, 'name', coalesce(later.name, earlier.name),
      'before', CASE WHEN jsonb_typeof(later.value) = 'object'
        THEN differing_fields(earlier.value, later.value) ELSE earlier.value END,
      'after', CASE WHEN jsonb_typeof(earlier.value) = 'object'
        THEN differing_fields(later.value, earlier.value) ELSE later.value END)
      ORDER BY coalesce(later.place, earlier.place), coalesce(later.owner, earlier.owner, ''), identity), '[]')
    FROM configuration_lines(p_before) AS earlier
    FULL JOIN configuration_lines(p_after) AS later USING (section, identity)
    WHERE earlier.value IS DISTINCT FROM later.value);
END $$;
REVOKE ALL ON FUNCTION configuration_changes FROM PUBLIC;

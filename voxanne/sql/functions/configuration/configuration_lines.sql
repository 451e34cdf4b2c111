-- Purpose: a configuration line by line, as a person compares it: one setting, service, practitioner
-- or room each; hours and breaks by practitioner and weekday, exceptions by practitioner and day.
-- identity pairs the lines of two configurations; place, then owner, is their order.
CREATE FUNCTION configuration_lines(p_document jsonb)
RETURNS TABLE (place integer, section text, owner text, identity text, name text, value jsonb)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT 0, 'clinic', NULL::text, key, key, value
  FROM jsonb_each(p_document)
  WHERE key <> 'version' AND key <> ALL ('{services,practitioners,rooms,hours,breaks,exceptions,absences}')
  UNION ALL
  SELECT array_position('{services,practitioners,rooms}'::text[], section), section, value ->> 'name',
    coalesce(value ->> 'id', value ->> 'key'), value ->> 'name', value - 'id'
  FROM unnest('{services,practitioners,rooms}'::text[]) AS section
  CROSS JOIN jsonb_array_elements(p_document -> section) AS value
  UNION ALL
  SELECT array_position('{hours,breaks,exceptions,absences}'::text[], section) + 3, section,
    value ->> 'practitioner', concat_ws('/', value ->> 'practitioner', day),
    concat_ws(', ', value ->> 'practitioner', coalesce(weekday_name((value ->> 'weekday')::integer), day)),
    jsonb_agg(text ORDER BY text)
  FROM unnest('{hours,breaks,exceptions,absences}'::text[]) AS section
  CROSS JOIN jsonb_array_elements(p_document -> section) AS value
  CROSS JOIN LATERAL (
    SELECT coalesce(value ->> 'weekday', value ->> 'day', left(value ->> 'starts_at', 10)),
      concat_ws(' ',
        CASE
          WHEN section = 'absences' THEN format('%s to %s', value ->> 'starts_at', value ->> 'ends_at')
          WHEN section = 'exceptions' AND value ->> 'opens' IS NULL THEN 'closed'
          ELSE format('%s-%s', coalesce(value ->> 'opens', value ->> 'starts'),
                      coalesce(value ->> 'closes', value ->> 'ends'))
        END,
        '(' || nullif(concat_ws(': ', CASE value ->> 'source' WHEN 'holiday' THEN 'public holiday' END,
                                nullif(value ->> 'reason', '')), '') || ')',
        value ->> 'label')
  ) AS line (day, text)
  GROUP BY section, value ->> 'practitioner', value ->> 'weekday', day;
END $$;
REVOKE ALL ON FUNCTION configuration_lines FROM PUBLIC;

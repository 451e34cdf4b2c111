-- Purpose: does every span of a configuration's document end after it starts, and do none of one
-- weekday or day overlap? Hours may cross midnight: they run into the next day's, and Sunday's into
-- Monday's. The document's fields are of their kinds.
-- Outcomes: NULL; or a refusal() INVALID_HOURS or INVALID_DURATION with "where".
CREATE FUNCTION check_configuration_spans(p_document jsonb) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_day constant integer := 1440;      -- minutes
  v_problem record;
BEGIN
  WITH entry AS (
    SELECT section, number - 1 AS number, folded_name(value ->> 'practitioner') AS owner,
      coalesce(value ->> 'opens', value ->> 'starts')::time AS starts,
      coalesce(value ->> 'closes', value ->> 'ends')::time AS ends,
      coalesce((value ->> 'weekday')::integer, (value ->> 'day')::date - date '2000-01-01') AS day,
      coalesce(weekday_name((value ->> 'weekday')::integer), value ->> 'day') AS day_name
    FROM unnest(ARRAY['hours', 'breaks', 'exceptions']) AS section
    CROSS JOIN jsonb_array_elements(coalesce(p_document -> section, '[]')) WITH ORDINALITY
      AS element (value, number)
    WHERE section <> 'exceptions' OR value ->> 'source' IS DISTINCT FROM 'holiday'
  ), span AS (
    -- One that closes before it opens closes on the next day.
    SELECT section, number, owner, day * c_day + minute_of(starts) AS begins,
      (day + CASE WHEN ends < starts THEN 1 ELSE 0 END) * c_day + minute_of(ends) AS finishes
    FROM entry
  ), reach AS (
    SELECT section, number, max(finishes) OVER (PARTITION BY section, owner ORDER BY begins, number
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > begins AS clashes
    FROM (
      SELECT * FROM span
      UNION ALL   -- Sunday night is the beginning of Monday, too.
      SELECT section, number, owner, begins - 7 * c_day, finishes - 7 * c_day FROM span
      WHERE section = 'hours' AND finishes > 8 * c_day
    ) AS laid
  ), day AS (
    SELECT section, number, row_number() OVER one_day > 1 AND bool_or(starts IS NULL) OVER one_day AS repeated
    FROM entry WHERE section = 'exceptions'
    WINDOW one_day AS (PARTITION BY owner, day ORDER BY number
                       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  )
  SELECT * INTO v_problem FROM (
    SELECT section, number, CASE section WHEN 'breaks' THEN 'ends' ELSE 'closes' END AS field,
      'INVALID_HOURS' AS code, CASE
        WHEN starts IS NULL OR ends IS NULL
          THEN 'An exception has both opens and closes, or neither, when it is closed'
        WHEN starts = '24:00' THEN 'A span can''t start at 24:00; write 00:00 of the next day'
        WHEN starts = ends THEN format('A span can''t end when it starts, at %s; a whole day is '
                                       '00:00 to 24:00', wall_clock(starts))
        ELSE format('A break can''t end (%s) before it starts (%s); over midnight it takes two',
                    wall_clock(ends), wall_clock(starts))
      END AS message
    FROM entry
    WHERE (starts IS NULL) <> (ends IS NULL) OR starts IN (ends, '24:00')
      OR (section = 'breaks' AND starts > ends)
    UNION ALL
    SELECT section, number, CASE section WHEN 'breaks' THEN 'starts' ELSE 'opens' END,
      'INVALID_HOURS', format('%s, %s to %s, overlaps another span', day_name, wall_clock(starts),
                              wall_clock(ends))
    FROM reach JOIN entry USING (section, number) WHERE clashes
    UNION ALL
    SELECT section, number, 'day', 'INVALID_HOURS',
      format('%s is closed, and given more than once', day_name)
    FROM day JOIN entry USING (section, number) WHERE repeated
    UNION ALL
    SELECT 'absences', number - 1, 'ends_at', 'INVALID_HOURS', 'An absence must end after it starts'
    FROM jsonb_array_elements(coalesce(p_document -> 'absences', '[]')) WITH ORDINALITY
      AS element (value, number)
    WHERE (value ->> 'starts_at')::timestamptz >= (value ->> 'ends_at')::timestamptz
    UNION ALL
    SELECT 'services', number - 1, 'duration_minutes', 'INVALID_DURATION',
      'A service and its buffers may take at most 24 hours'
    FROM jsonb_array_elements(coalesce(p_document -> 'services', '[]')) WITH ORDINALITY
      AS element (value, number)
    WHERE (value ->> 'duration_minutes')::integer
      + coalesce((value ->> 'buffer_before_minutes')::integer, 0)
      + coalesce((value ->> 'buffer_after_minutes')::integer, 0) > c_day
  ) AS problem
  ORDER BY section, number LIMIT 1;
  IF FOUND THEN
    RETURN refusal(v_problem.code, jsonb_build_object('message', v_problem.message,
      'where', format('%s[%s].%s', v_problem.section, v_problem.number, v_problem.field)));
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION check_configuration_spans FROM PUBLIC;

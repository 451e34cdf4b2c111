-- Purpose: does every service fit into the hours of somebody who could give it? What is stored is
-- checked, so that a document of hours alone is measured against the services there are.
-- Breaks part the hours; special days count as they open. Buffers may lie in breaks, but a service
-- with its buffers must not outlast the day from first opening to last closing.
-- Outcomes: NULL; or a refusal() INVALID_DURATION with "where".
CREATE FUNCTION check_configuration_fit(p_org_id uuid, p_document jsonb) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_day constant integer := 1440;      -- minutes
  c_week constant integer := 7 * 1440;
  v_problem record;
BEGIN
  IF NOT p_document ?| ARRAY['services', 'practitioners', 'hours', 'breaks', 'exceptions'] THEN
    RETURN NULL;
  END IF;
  WITH people AS (
    SELECT id AS person FROM practitioners WHERE org_id = p_org_id AND NOT implicit AND active
    UNION ALL   -- a clinic with no practitioner of its own is one
    SELECT p_org_id
    WHERE NOT EXISTS (SELECT FROM practitioners WHERE org_id = p_org_id AND NOT implicit)
  ), rhythm AS (
    -- Whose weekly hours are hers: her own, else the clinic's.
    SELECT person, (SELECT practitioner_id FROM opening_hours
                    WHERE org_id = p_org_id AND practitioner_id = person LIMIT 1) AS hours_of
    FROM people
  ), weekly AS (
    SELECT person, weekday, weekday * c_day + minute_of(opens) AS begins,
      (weekday + CASE WHEN closes < opens THEN 1 ELSE 0 END) * c_day + minute_of(closes) AS finishes
    FROM rhythm
    JOIN opening_hours ON org_id = p_org_id AND practitioner_id IS NOT DISTINCT FROM hours_of
    UNION ALL   -- no hours at all: open around the clock
    SELECT person, weekday, weekday * c_day, (weekday + 1) * c_day
    FROM rhythm CROSS JOIN generate_series(1, 7) AS weekday
    WHERE NOT EXISTS (SELECT FROM opening_hours
                      WHERE org_id = p_org_id AND practitioner_id IS NOT DISTINCT FROM hours_of)
  ), opened AS (
    -- Twice, so that Sunday night goes on into Monday.
    SELECT person, range_agg(int4range(begins + shift, finishes + shift)) AS spans
    FROM weekly CROSS JOIN (VALUES (0), (c_week)) AS weeks (shift) GROUP BY person
  ), paused AS (
    SELECT person, range_agg(int4range(weekday * c_day + minute_of(starts) + shift,
                                       weekday * c_day + minute_of(ends) + shift)) AS spans
    FROM people
    JOIN breaks ON org_id = p_org_id AND coalesce(practitioner_id, person) = person
    CROSS JOIN (VALUES (0), (c_week)) AS weeks (shift) GROUP BY person
  ), special AS (
    SELECT person, max(minute_of(closes) - minute_of(opens) + CASE WHEN closes < opens THEN c_day ELSE 0 END)
      AS minutes
    FROM people
    JOIN date_exceptions ON org_id = p_org_id AND coalesce(practitioner_id, person) = person
    WHERE opens IS NOT NULL GROUP BY person
  ), day AS (
    SELECT person, weekday, max(finishes) - min(begins) AS minutes FROM weekly GROUP BY 1, 2
  ), capacity AS (
    SELECT person, greatest(special.minutes, (
        SELECT max(upper(span) - lower(span))
        FROM unnest(opened.spans - coalesce(paused.spans, '{}')) AS span), 0) AS span,
      greatest(special.minutes, (SELECT max(day.minutes) FROM day WHERE day.person = people.person))
        AS day
    FROM people
    LEFT JOIN opened USING (person) LEFT JOIN paused USING (person) LEFT JOIN special USING (person)
  ), demand AS (
    SELECT key, name, duration_minutes,
      buffer_before_minutes + duration_minutes + buffer_after_minutes AS blocked_minutes,
      max(span) AS span, max(greatest(day, span)) AS day
    FROM services
    JOIN capacity ON NOT EXISTS (SELECT FROM practitioner_services
                                 WHERE org_id = p_org_id AND service_key = key)
      OR EXISTS (SELECT FROM practitioner_services
                 WHERE org_id = p_org_id AND service_key = key AND practitioner_id = person)
    WHERE org_id = p_org_id AND active GROUP BY 1, 2, 3, 4
  )
  SELECT demand.*, duration_minutes > span AS too_long, number - 1 AS number INTO v_problem
  FROM demand
  LEFT JOIN jsonb_array_elements(coalesce(p_document -> 'services', '[]')) WITH ORDINALITY
    AS element (value, number) ON lower(btrim(value ->> 'key')) = key
  WHERE duration_minutes > span OR blocked_minutes > day
  ORDER BY number, key LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN refusal('INVALID_DURATION', jsonb_build_object(
    'where', CASE
      WHEN v_problem.number IS NOT NULL THEN format('services[%s].%s', v_problem.number,
        CASE WHEN v_problem.too_long THEN 'duration_minutes' ELSE 'buffer_after_minutes' END)
      WHEN p_document ? 'hours' THEN 'hours'
      WHEN p_document ? 'breaks' THEN 'breaks'
      WHEN p_document ? 'practitioners' THEN 'practitioners'
      ELSE 'exceptions' END,
    'message', CASE
      WHEN v_problem.too_long THEN format('%s takes %s minutes, but nobody who gives it is open for '
        'more than %s at a stretch', v_problem.name, v_problem.duration_minutes, v_problem.span)
      ELSE format('%s and its buffers take %s minutes, more than the longest day of anybody who '
        'gives it (%s)', v_problem.name, v_problem.blocked_minutes, v_problem.day) END));
END $$;
REVOKE ALL ON FUNCTION check_configuration_fit FROM PUBLIC;

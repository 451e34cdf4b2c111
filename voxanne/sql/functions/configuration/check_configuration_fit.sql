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
  ), hours AS (
    -- The clinic's own under its id.
    SELECT coalesce(practitioner_id, p_org_id) AS hours_of, weekday, weekday * c_day + minute_of(opens) AS begins,
      (weekday + CASE WHEN closes < opens THEN 1 ELSE 0 END) * c_day + minute_of(closes) AS finishes
    FROM opening_hours WHERE org_id = p_org_id
  ), weekly AS (
    SELECT person, weekday, begins, finishes
    FROM people
    JOIN hours ON hours_of = CASE WHEN person IN (SELECT hours_of FROM hours) THEN person ELSE p_org_id END
    UNION ALL   -- no hours at all: open around the clock
    SELECT person, weekday, weekday * c_day, (weekday + 1) * c_day
    FROM people CROSS JOIN generate_series(1, 7) AS weekday
    WHERE person NOT IN (SELECT hours_of FROM hours) AND p_org_id NOT IN (SELECT hours_of FROM hours)
  ), opened AS (
    -- Twice, so that Sunday night goes on into Monday.
    SELECT person, range_agg(int4range(begins + shift, finishes + shift)) AS spans
    FROM weekly CROSS JOIN (VALUES (0), (c_week)) AS weeks (shift) GROUP BY person
  ), pauses AS (
    SELECT coalesce(practitioner_id, p_org_id) AS pauses_of,
      range_agg(int4range(weekday * c_day + minute_of(starts) + shift,
                          weekday * c_day + minute_of(ends) + shift)) AS spans
    FROM breaks CROSS JOIN (VALUES (0), (c_week)) AS weeks (shift)
    WHERE org_id = p_org_id GROUP BY 1
  ), stretch AS (
    SELECT person, max(upper(span) - lower(span)) AS minutes
    FROM opened
    LEFT JOIN pauses AS own ON own.pauses_of = person
    LEFT JOIN pauses AS common ON common.pauses_of = p_org_id
    CROSS JOIN unnest(opened.spans - coalesce(own.spans, '{}') - coalesce(common.spans, '{}')) AS span
    GROUP BY person
  ), day AS (
    SELECT person, max(minutes) AS minutes
    FROM (SELECT person, max(finishes) - min(begins) AS minutes FROM weekly GROUP BY person, weekday) AS days
    GROUP BY person
  ), special AS (
    SELECT coalesce(practitioner_id, p_org_id) AS opened_by,
      max(minute_of(closes) - minute_of(opens) + CASE WHEN closes < opens THEN c_day ELSE 0 END) AS minutes
    FROM date_exceptions WHERE org_id = p_org_id AND opens IS NOT NULL GROUP BY 1
  ), capacity AS (
    SELECT person, greatest(stretch.minutes, own.minutes, common.minutes, 0) AS span,
      greatest(day.minutes, stretch.minutes, own.minutes, common.minutes, 0) AS day
    FROM people
    LEFT JOIN stretch USING (person) LEFT JOIN day USING (person)
    LEFT JOIN special AS own ON own.opened_by = person
    LEFT JOIN special AS common ON common.opened_by = p_org_id
  ), listed AS (
    SELECT service_key, max(span) AS span, max(day) AS day
    FROM practitioner_services LEFT JOIN capacity ON person = practitioner_id
    WHERE org_id = p_org_id GROUP BY service_key
  ), demand AS (
    SELECT key, name, duration_minutes,
      buffer_before_minutes + duration_minutes + buffer_after_minutes AS blocked_minutes,
      CASE WHEN service_key IS NULL THEN anybody.span ELSE listed.span END AS span,
      CASE WHEN service_key IS NULL THEN anybody.day ELSE listed.day END AS day
    FROM services
    LEFT JOIN listed ON service_key = key
    CROSS JOIN (SELECT max(span) AS span, max(day) AS day FROM capacity) AS anybody
    WHERE org_id = p_org_id AND active
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

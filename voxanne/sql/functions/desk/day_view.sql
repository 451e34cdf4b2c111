-- Purpose: all that a page of the calendar shows of one local day or several, in one trip: who works
--   there, when they receive, what keeps their time, and every appointment.
-- Guarantees: at most 2,000 appointments, the earliest ("more": there are others); no titles of what
--   is in their own calendars. Times are minutes of the clinic's wall clock on that day. Of two
--   appointments in an hour that comes twice each is there, at the same minutes; "again" is the
--   second time. Each is as long as it lasts, or as its wall times tell, whichever is more: none
--   that meet can look apart. What crosses midnight is on both days, "continued" on the second.
-- p_practitioners: whose time is shown; NULL: everybody's. All are named in any case.
-- Outcomes: {"success", "slot_minutes", "days", "practitioners", "closed", "busy", "notes",
--   "appointments", "more"}; or INVALID_ORGANIZATION, INVALID_DATE, INVALID_ARGUMENTS (days beyond 7).
CREATE FUNCTION day_view(
  p_org_id uuid, p_from date, p_days integer DEFAULT 1, p_practitioners uuid[] DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_days_max constant integer := 7;
  c_appointments_max constant integer := 2000;
  c_longest constant interval := '1 day';   -- of an appointment, see book_appointment_atomic
  v_now timestamptz := current_moment();
  v_clinic organizations;
  v_days date[];
  v_from timestamptz;
  v_until timestamptz;
  v_shown appointments[];
  v_all uuid[];
  v_who uuid[];
  v_who_json json;
  v_spans json;
  v_appointments json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_days IS NULL OR p_days NOT BETWEEN 1 AND c_days_max OR cardinality(p_practitioners) > 1000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF p_from IS NULL OR p_from NOT BETWEEN '1970-01-02' AND '9999-12-01' THEN
    RETURN refusal('INVALID_DATE');
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_days := ARRAY(SELECT p_from + n FROM generate_series(0, p_days - 1) AS n);
  v_from := p_from::timestamp AT TIME ZONE v_clinic.timezone;
  v_until := (p_from + p_days)::timestamp AT TIME ZONE v_clinic.timezone;

  v_shown := ARRAY(
    SELECT appointments FROM appointments
    WHERE org_id = p_org_id AND scheduled_at > v_from - c_longest AND scheduled_at < v_until
      AND ends_at > v_from
      AND (status IN ('confirmed', 'completed', 'no_show') OR status = 'held' AND hold_expires_at > v_now)
      AND (p_practitioners IS NULL OR practitioner_id = ANY (p_practitioners))
    ORDER BY scheduled_at, id LIMIT c_appointments_max + 1);

  -- A clinic with no practitioner of its own is one, under its own id, with no row before its first booking.
  SELECT array_agg(id ORDER BY name, id),
    json_agg(json_build_object('id', id, 'name', name, 'active', active, 'implicit', id = p_org_id)
             ORDER BY name, id)
  INTO v_all, v_who_json
  FROM (
    SELECT id, name, active FROM practitioners
    WHERE org_id = p_org_id AND NOT implicit
      AND (active OR id IN (SELECT practitioner_id FROM unnest(v_shown)))
    UNION ALL
    SELECT p_org_id, v_clinic.name, true
    WHERE p_org_id IN (SELECT practitioner_id FROM unnest(v_shown))
      OR NOT EXISTS (SELECT FROM practitioners WHERE org_id = p_org_id AND NOT implicit)
  ) AS practitioner;
  v_who := ARRAY(SELECT id FROM unnest(v_all) AS id WHERE p_practitioners IS NULL OR id = ANY (p_practitioners));

  WITH open AS MATERIALIZED (
    SELECT r_practitioner_id AS practitioner_id, r_hours AS hours, r_breaks AS breaks,
      r_absences AS absences, CASE WHEN lower_inf(r_busy) THEN '{}' ELSE r_busy END AS busy,
      lower_inf(r_busy) AS blind
    FROM open_spans(p_org_id, v_who, v_clinic.timezone, p_from, p_from + p_days - 1)
  ), days AS MATERIALIZED (
    SELECT day, tstzmultirange(tstzrange(day::timestamp AT TIME ZONE v_clinic.timezone,
                                         (day + 1)::timestamp AT TIME ZONE v_clinic.timezone)) AS span
    FROM unnest(v_days) AS day
  ), spans AS (
    SELECT practitioner_id, day, kind, starts.r_start, starts.r_minutes
    FROM open CROSS JOIN days
    CROSS JOIN LATERAL (
      VALUES ('closed', span - hours), ('absence', span * hours * absences),
        ('break', span * hours * breaks - absences), ('busy', span * busy)
    ) AS kinds (kind, ranges)
    CROSS JOIN LATERAL unnest(ranges) AS range
    CROSS JOIN LATERAL minutes_of_day(lower(range), upper(range), day, v_clinic.timezone) AS starts
    WHERE starts.r_minutes > 0
  )
  SELECT json_build_object(
    'closed', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner_id', practitioner_id, 'day', day, 'kind', kind, 'start', r_start,
        'minutes', r_minutes) ORDER BY day, practitioner_id, r_start, kind), '[]')
      FROM spans WHERE kind <> 'busy'),
    'busy', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner_id', practitioner_id, 'day', day, 'start', r_start,
        'minutes', r_minutes) ORDER BY day, practitioner_id, r_start), '[]')
      FROM spans WHERE kind = 'busy'),
    'blind', (SELECT coalesce(json_agg(practitioner_id), '[]') FROM open WHERE blind))
  INTO v_spans;

  WITH days AS MATERIALIZED (
    SELECT day, day::timestamp AT TIME ZONE v_clinic.timezone AS begins,
      (day + 1)::timestamp AT TIME ZONE v_clinic.timezone AS ends
    FROM unnest(v_days) AS day
  ), placed AS MATERIALIZED (
    SELECT day, shown, clock.r_start AS start, scheduled_at < begins AS continued,
      greatest(clock.r_minutes, 1, least(1440 - clock.r_start, extract(
        epoch FROM least(ends_at, ends) - greatest(scheduled_at, begins))::integer / 60)) AS minutes
    FROM unnest(v_shown[:c_appointments_max]) AS shown
    JOIN days ON scheduled_at < ends AND ends_at > begins
    CROSS JOIN LATERAL minutes_of_day(scheduled_at, ends_at, day, v_clinic.timezone) AS clock
  )
  SELECT coalesce(json_agg(json_build_object(
    'id', (shown).id, 'practitioner_id', (shown).practitioner_id, 'day', day, 'start', start,
    'minutes', minutes, 'continued', continued,
    'again', (shown).scheduled_at AT TIME ZONE v_clinic.timezone
      = ((shown).scheduled_at - interval '1 hour') AT TIME ZONE v_clinic.timezone,
    'name', coalesce((shown).metadata #>> '{patient,name}', (
      SELECT name FROM leads WHERE org_id = p_org_id AND id = (shown).contact_id)),
    'service', coalesce((SELECT name FROM services WHERE org_id = p_org_id AND key = (shown).service_type),
                        (shown).service_type),
    'status', (shown).status, 'source', (shown).source, 'version', (shown).version,
    'overlap', (shown).overlap_allowed,
    'patient_confirmed', (shown).patient_confirmed_at IS NOT NULL,
    'trouble', EXISTS (
      SELECT FROM deliveries
      WHERE org_id = p_org_id AND subject_id = (shown).id AND version = (shown).version
        -- By the subject's key, not by deliveries_failed.
        AND (status || '' = 'failed' OR status || '' = 'queued' AND due_at = 'infinity')))
    ORDER BY day, (shown).scheduled_at, (shown).id), '[]')
  INTO v_appointments FROM placed;

  RETURN json_build_object(
    'success', true,
    'slot_minutes', v_clinic.slot_minutes,
    'days', to_json(v_days),
    'practitioners', coalesce(v_who_json, '[]'),
    'closed', v_spans -> 'closed',
    'busy', v_spans -> 'busy',
    'blind', v_spans -> 'blind',
    'notes', (
      SELECT coalesce(json_agg(json_build_object(
        'day', day, 'practitioner_id', practitioner_id, 'reason', reason, 'closed', opens IS NULL)
        ORDER BY day, practitioner_id NULLS FIRST, opens, id), '[]')
      FROM date_exceptions
      WHERE org_id = p_org_id AND day = ANY (v_days)
        AND (practitioner_id IS NULL OR practitioner_id = ANY (v_who))),
    'appointments', v_appointments,
    'more', coalesce(cardinality(v_shown), 0) > c_appointments_max);
END $$;
REVOKE ALL ON FUNCTION day_view FROM PUBLIC;
GRANT EXECUTE ON FUNCTION day_view TO voxanne_api;

-- Purpose: everything a clinic configures, as one document that configure_clinic takes back.
-- Exceptions and absences that have passed are history, and no part of it.
-- Outcomes: the document; or a refusal() INVALID_ORGANIZATION or FORBIDDEN_ORGANIZATION.
CREATE FUNCTION clinic_configuration(p_org_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_instant constant text := 'YYYY-MM-DD"T"HH24:MI:SS"Z"';
  v_now timestamptz := current_moment();
  v_clinic organizations;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  RETURN json_build_object(
    'version', v_clinic.version,
    'name', v_clinic.name,
    'timezone', v_clinic.timezone,
    'country', v_clinic.country,
    'language', v_clinic.language,
    'address', v_clinic.address,
    'transfer_number', v_clinic.transfer_number,
    'phone', v_clinic.phone,
    'email', v_clinic.email,
    'reminder_hours', to_json(v_clinic.reminder_hours),
    'quiet_from', wall_clock(v_clinic.quiet_from),
    'quiet_until', wall_clock(v_clinic.quiet_until),
    'calendar_title', v_clinic.calendar_title,
    'calendar_changes', v_clinic.calendar_changes,
    'calendar_stale', v_clinic.calendar_stale,
    'calendar_stale_minutes', v_clinic.calendar_stale_minutes,
    'call_retention_days', v_clinic.call_retention_days,
    'text_retention_days', v_clinic.text_retention_days,
    'person_retention_days', v_clinic.person_retention_days,
    'notice_minutes', v_clinic.notice_minutes,
    'horizon_days', v_clinic.horizon_days,
    'slot_minutes', v_clinic.slot_minutes,
    'hold_seconds', v_clinic.hold_seconds,
    'offer_minutes', v_clinic.offer_minutes,
    'upcoming_per_caller_max', v_clinic.upcoming_per_caller_max,
    'caller_check', v_clinic.caller_check,
    'red_flags', v_clinic.red_flags,
    'holidays_region', v_clinic.holidays_region,
    'practitioners', (
      SELECT coalesce(json_agg(json_build_object(
        'id', id, 'name', name, 'services', (
          SELECT coalesce(json_agg(service_key ORDER BY service_key), '[]')
          FROM practitioner_services WHERE org_id = p_org_id AND practitioner_id = id),
        'active', active) ORDER BY name, id), '[]')
      FROM practitioners WHERE org_id = p_org_id AND NOT implicit),
    'services', (
      SELECT coalesce(json_agg(json_build_object(
        'key', key, 'name', name, 'duration_minutes', duration_minutes,
        'buffer_before_minutes', buffer_before_minutes,
        'buffer_after_minutes', buffer_after_minutes, 'notice_minutes', notice_minutes,
        'price_minor_units', price_minor_units, 'currency', currency, 'active', active)
        ORDER BY key), '[]')
      FROM services WHERE org_id = p_org_id),
    'rooms', (
      SELECT coalesce(json_agg(json_build_object(
        'id', id, 'name', name, 'services', (
          SELECT coalesce(json_agg(service_key ORDER BY service_key), '[]')
          FROM room_services WHERE org_id = p_org_id AND room_id = id),
        'active', active) ORDER BY name, id), '[]')
      FROM rooms WHERE org_id = p_org_id),
    'hours', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner', practitioners.name, 'weekday', weekday, 'opens', wall_clock(opens),
        'closes', wall_clock(closes))
        ORDER BY practitioners.name NULLS FIRST, practitioner_id, weekday, opens), '[]')
      FROM opening_hours AS hours
      LEFT JOIN practitioners
        ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
      WHERE hours.org_id = p_org_id),
    'breaks', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner', practitioners.name, 'weekday', weekday, 'starts', wall_clock(starts),
        'ends', wall_clock(ends), 'label', label)
        ORDER BY practitioners.name NULLS FIRST, practitioner_id, weekday, starts), '[]')
      FROM breaks
      LEFT JOIN practitioners
        ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
      WHERE breaks.org_id = p_org_id),
    'exceptions', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner', practitioners.name, 'day', to_char(day, 'YYYY-MM-DD'),
        'opens', wall_clock(opens), 'closes', wall_clock(closes), 'reason', reason,
        'source', source)
        ORDER BY day, practitioners.name NULLS FIRST, practitioner_id, opens, source), '[]')
      FROM date_exceptions AS exceptions
      LEFT JOIN practitioners
        ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
      WHERE exceptions.org_id = p_org_id AND day >= (v_now AT TIME ZONE v_clinic.timezone)::date),
    'absences', (
      SELECT coalesce(json_agg(json_build_object(
        'practitioner', practitioners.name,
        'starts_at', to_char(starts_at AT TIME ZONE 'UTC', c_instant),
        'ends_at', to_char(ends_at AT TIME ZONE 'UTC', c_instant), 'reason', reason)
        ORDER BY starts_at, ends_at, practitioners.name, practitioner_id), '[]')
      FROM absences
      JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
      WHERE absences.org_id = p_org_id AND ends_at > v_now));
END $$;
REVOKE ALL ON FUNCTION clinic_configuration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clinic_configuration TO voxanne_api;

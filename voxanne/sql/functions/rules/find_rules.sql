-- Purpose: everything one appointment must obey, read once: the clinic, the service asked for, who
-- could give it and where. p_service_type: key or name; a clinic that lists no service takes any.
-- Outcomes: NULL when the clinic doesn't exist; service_type NULL when it doesn't offer the service.
CREATE FUNCTION find_rules(p_org_id uuid, p_service_type text, p_duration_minutes integer)
RETURNS clinic_rules
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_service_type text := lower(btrim(p_service_type));
  v_rules clinic_rules;
BEGIN
  SELECT timezone, make_interval(hours => horizon_days * 24),
    make_interval(mins => coalesce(CASE WHEN service.matches THEN service.notice_minutes END,
                                   organizations.notice_minutes)),
    make_interval(mins => slot_minutes), make_interval(secs => hold_seconds),
    upcoming_per_caller_max, caller_check,
    EXISTS (SELECT FROM opening_hours WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM date_exceptions WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM breaks WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM absences WHERE org_id = p_org_id)
      OR EXISTS (SELECT FROM calendar_connections WHERE org_id = p_org_id AND status <> 'disconnected'),
    CASE WHEN service.key IS NULL THEN nullif(v_service_type, '')
         WHEN service.matches THEN service.key END,
    make_interval(mins => coalesce(CASE WHEN service.matches THEN service.duration_minutes END,
                                   p_duration_minutes, 60)),
    make_interval(mins => CASE WHEN service.matches THEN buffer_before_minutes ELSE 0 END),
    make_interval(mins => CASE WHEN service.matches THEN buffer_after_minutes ELSE 0 END),
    -- A clinic with no practitioner of its own is one, under its own id.
    CASE WHEN practitioner.any_own THEN coalesce(practitioner.ids, '{}') ELSE ARRAY[p_org_id] END,
    CASE WHEN practitioner.any_own THEN practitioner.names ELSE ARRAY[NULL]::text[] END,
    CASE WHEN service.matches THEN (
      SELECT coalesce(array_agg(rooms.id ORDER BY rooms.id) FILTER (WHERE active), '{}')
      FROM room_services
      JOIN rooms ON rooms.org_id = p_org_id AND rooms.id = room_id
      WHERE room_services.org_id = p_org_id AND service_key = service.key
      HAVING count(*) > 0) END
  INTO v_rules
  FROM organizations
  LEFT JOIN LATERAL (
    SELECT key, duration_minutes, buffer_before_minutes, buffer_after_minutes, notice_minutes,
      active AND v_service_type IN (key, lower(name)) AS matches
    FROM services WHERE org_id = p_org_id
    ORDER BY matches DESC, key = v_service_type DESC LIMIT 1
  ) AS service ON true
  CROSS JOIN LATERAL (
    SELECT array_agg(practitioner_id) AS ids FROM practitioner_services
    WHERE service.matches AND org_id = p_org_id AND service_key = service.key
  ) AS listed
  CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS any_own,
      array_agg(id ORDER BY id) FILTER (WHERE gives) AS ids,
      array_agg(name ORDER BY id) FILTER (WHERE gives) AS names
    FROM (
      SELECT id, name, active AND (listed.ids IS NULL OR id = ANY (listed.ids)) AS gives
      FROM practitioners WHERE org_id = p_org_id AND NOT implicit
    ) AS own
  ) AS practitioner
  WHERE id = p_org_id;
  RETURN CASE WHEN v_rules.timezone IS NOT NULL THEN v_rules END;
END $$;
REVOKE ALL ON FUNCTION find_rules FROM PUBLIC;

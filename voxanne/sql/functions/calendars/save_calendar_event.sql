-- Purpose: an appointment's event was verified in a calendar.
-- Guarantees: an older version never takes a newer one's place.
CREATE FUNCTION save_calendar_event(
  p_org_id uuid, p_appointment_id uuid, p_connection_id uuid, p_event_id text, p_etag text,
  p_version integer, p_starts_at timestamptz, p_ends_at timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  INSERT INTO calendar_events AS known
    (org_id, appointment_id, connection_id, event_id, etag, version, starts_at, ends_at, updated_at)
  VALUES (p_org_id, p_appointment_id, p_connection_id, p_event_id, p_etag, p_version, p_starts_at,
          p_ends_at, current_moment())
  ON CONFLICT (org_id, appointment_id, connection_id) DO UPDATE SET
    event_id = excluded.event_id, etag = excluded.etag, version = excluded.version,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, updated_at = excluded.updated_at
  WHERE known.version <= excluded.version;
  RETURN json_build_object('success', true);
EXCEPTION
  WHEN foreign_key_violation THEN
    RETURN refusal('NOT_FOUND');
END $$;
REVOKE ALL ON FUNCTION save_calendar_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_calendar_event TO voxanne_api;

-- Purpose: all that the front desk's panel of one appointment shows, in one trip: the appointment, its
--   history, what was sent of it, and the names of whom and what it tells of by id.
-- Guarantees: of each kind of delivery the newest, which is the one that counts.
-- Outcomes: what find_appointment answers, with "deliveries" (as delivery_document has them, by kind),
--   "calendar" (the vendor of the one it is in, or null), "service_name", "room_name" and
--   "practitioners": [{"id", "name", "active"}], the clinic itself among them where it is one; or
--   NOT_FOUND.
CREATE FUNCTION appointment_panel(p_org_id uuid, p_appointment_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_found jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_found := find_appointment(p_org_id, p_appointment_id);
  IF NOT (v_found ->> 'success')::boolean THEN
    RETURN v_found;
  END IF;
  RETURN v_found || jsonb_build_object(
    'deliveries', (
      SELECT coalesce(jsonb_agg(delivery_document(newest.delivery) ORDER BY (newest.delivery).channel,
                                (newest.delivery).created_at, (newest.delivery).kind), '[]')
      FROM (
        SELECT DISTINCT ON (kind) deliveries AS delivery FROM deliveries
        WHERE org_id = p_org_id AND subject_id = p_appointment_id
        ORDER BY kind, version DESC
      ) AS newest),
    'calendar', (
      SELECT vendor FROM calendar_events AS event
      JOIN calendar_connections AS connection
        ON connection.org_id = p_org_id AND connection.id = event.connection_id
      WHERE event.org_id = p_org_id AND event.appointment_id = p_appointment_id
      ORDER BY event.updated_at DESC LIMIT 1),
    'service_name', (SELECT name FROM services
                     WHERE org_id = p_org_id AND key = v_found #>> '{appointment,service_type}'),
    'room_name', (SELECT name FROM rooms
                  WHERE org_id = p_org_id AND id = (v_found #>> '{appointment,room_id}')::uuid),
    'practitioners', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'active', active AND NOT implicit)
                                ORDER BY name, id), '[]')
      FROM practitioners WHERE org_id = p_org_id));
END $$;
REVOKE ALL ON FUNCTION appointment_panel FROM PUBLIC;
GRANT EXECUTE ON FUNCTION appointment_panel TO voxanne_api;

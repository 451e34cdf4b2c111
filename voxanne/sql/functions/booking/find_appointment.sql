-- Purpose: one appointment with its history, oldest first. That it was booked the row itself tells:
-- of the events only the others have an index.
-- Outcomes: {"success", "appointment", "history"}; NOT_FOUND.
CREATE FUNCTION find_appointment(p_org_id uuid, p_appointment_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_booked appointments;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_booked FROM appointments WHERE org_id = p_org_id AND id = p_appointment_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN json_build_object(
    'success', true,
    'appointment', appointment_document(v_booked),
    'history', (
      SELECT coalesce(jsonb_agg(
        jsonb_build_object('kind', kind, 'data', data, 'call_id', call_id, 'created_at', created_at)
        ORDER BY transaction_id NULLS FIRST, id), '[]')
      FROM (
        SELECT 'booked' AS kind, '{}'::jsonb AS data, v_booked.call_id, v_booked.created_at,
          NULL::xid8 AS transaction_id, NULL::bigint AS id
        WHERE v_booked.hold_expires_at IS NULL
        UNION ALL
        SELECT kind, data, call_id, created_at, transaction_id, id FROM events
        WHERE org_id = p_org_id AND appointment_id = p_appointment_id AND kind <> 'booked'
      ) AS happened));
END $$;
REVOKE ALL ON FUNCTION find_appointment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_appointment TO voxanne_api;

-- Purpose: a booked appointment as book_appointment_atomic returns it.
-- p_deliveries: kind → status, of the appointment's present version.
CREATE FUNCTION appointment_result(
  p_id uuid, p_contact_id uuid, p_scheduled_at timestamptz, p_ends_at timestamptz,
  p_service_type text, p_status text, p_version integer, p_practitioner_id uuid,
  p_practitioner_name text, p_room_id uuid, p_deliveries json, p_replayed boolean,
  p_created_at timestamptz
) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'success', true,
    'appointment_id', p_id,
    'contact_id', p_contact_id,
    'scheduled_at', p_scheduled_at,
    'ends_at', p_ends_at,
    'service_type', p_service_type,
    'status', p_status,
    'version', p_version,
    'practitioner_id', p_practitioner_id,
    'practitioner_name', p_practitioner_name,
    'room_id', p_room_id,
    'deliveries', p_deliveries,
    'replayed', p_replayed,
    'message', CASE p_status
      WHEN 'confirmed' THEN 'The appointment is booked'
      ELSE 'The appointment was booked and is now ' || replace(p_status, '_', ' ')
    END,
    'created_at', p_created_at)
$$;
REVOKE ALL ON FUNCTION appointment_result FROM PUBLIC;

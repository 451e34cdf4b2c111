-- Purpose: a hold as hold_slot returns it.
CREATE FUNCTION hold_result(p_held appointments, p_practitioner_name text, p_replayed boolean)
RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'success', true,
    'hold_id', p_held.id,
    'expires_at', p_held.hold_expires_at,
    'scheduled_at', p_held.scheduled_at,
    'ends_at', p_held.ends_at,
    'service_type', p_held.service_type,
    'practitioner_id', p_held.practitioner_id,
    'practitioner_name', p_practitioner_name,
    'room_id', p_held.room_id,
    'replayed', p_replayed,
    'message', 'The time is held',
    'created_at', p_held.created_at)
$$;
REVOKE ALL ON FUNCTION hold_result FROM PUBLIC;

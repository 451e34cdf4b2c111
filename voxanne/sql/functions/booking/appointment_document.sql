-- Purpose: an appointment as programs of the clinic read it: names, what was given with it, its state.
-- The patient is as given with the booking; of a row that came without, the lead as it is now.
CREATE FUNCTION appointment_document(p_booked appointments) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT jsonb_build_object(
    'appointment_id', p_booked.id,
    'contact_id', p_booked.contact_id,
    'service_type', p_booked.service_type,
    'scheduled_at', p_booked.scheduled_at,
    'ends_at', p_booked.ends_at,
    'status', p_booked.status,
    'hold_expires_at', CASE WHEN p_booked.status = 'held' THEN p_booked.hold_expires_at END,
    'version', p_booked.version,
    'practitioner_id', p_booked.practitioner_id,
    'practitioner_name', (
      SELECT name FROM practitioners
      WHERE org_id = p_booked.org_id AND id = p_booked.practitioner_id AND NOT implicit),
    'room_id', p_booked.room_id,
    'patient', CASE
      WHEN jsonb_typeof(p_booked.metadata -> 'patient') = 'object' THEN jsonb_build_object(
        'name', p_booked.metadata #>> '{patient,name}',
        'phone', p_booked.metadata #>> '{patient,phone}',
        'email', p_booked.metadata #>> '{patient,email}',
        'contact_phone', p_booked.metadata #>> '{patient,contact_phone}')
      ELSE (SELECT jsonb_build_object('name', name, 'phone', phone, 'email', email) FROM leads
            WHERE org_id = p_booked.org_id AND id = p_booked.contact_id)
    END,
    'notes', p_booked.metadata ->> 'notes',
    'overlap_allowed', p_booked.overlap_allowed,
    'overlap_reason', p_booked.metadata ->> 'overlap_reason',
    'source', p_booked.source,
    'call_id', p_booked.call_id,
    'patient_confirmed_at', p_booked.patient_confirmed_at,
    'deliveries', (
      SELECT jsonb_object_agg(kind, status) FROM deliveries
      WHERE org_id = p_booked.org_id AND subject_id = p_booked.id
        AND version = p_booked.version),
    'created_at', p_booked.created_at,
    'updated_at', p_booked.updated_at)
$$;
REVOKE ALL ON FUNCTION appointment_document FROM PUBLIC;

-- Purpose: what a repeated call gets: the appointment it already has, as it stands now.
CREATE FUNCTION replayed_result(p_org_id uuid, p_appointment_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT appointment_result(
      booked.id, contact_id, scheduled_at, ends_at, service_type, status, version,
      practitioner_id, CASE WHEN NOT implicit THEN practitioners.name END, room_id,
      (SELECT json_object_agg(kind, deliveries.status) FROM deliveries
       WHERE deliveries.org_id = p_org_id AND subject_id = p_appointment_id
         AND deliveries.version = booked.version),
      true, booked.created_at)
    FROM appointments AS booked
    JOIN practitioners
      ON practitioners.org_id = p_org_id AND practitioners.id = booked.practitioner_id
    WHERE booked.org_id = p_org_id AND booked.id = p_appointment_id
  );
END $$;
REVOKE ALL ON FUNCTION replayed_result FROM PUBLIC;

-- Purpose: what the appointments are that deliveries tell of, for staff who read a list of those.
--   Never the patient.
-- Guarantees: at most 201 rows; ids that are no appointment of the organization are left out.
-- Outcomes: {"success", "items": [{"id", "scheduled_at", "practitioner_name", "service_name"}]}.
CREATE FUNCTION appointments_told_of(p_org_id uuid, p_ids uuid[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(json_agg(json_build_object(
      'id', appointments.id, 'scheduled_at', scheduled_at,
      'practitioner_name', CASE WHEN NOT implicit THEN practitioners.name END,
      'service_name', coalesce(services.name, service_type))), '[]')
    FROM unnest(p_ids[1:201]) AS wanted
    JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = wanted
    JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
    LEFT JOIN services ON services.org_id = p_org_id AND key = service_type));
END $$;
REVOKE ALL ON FUNCTION appointments_told_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION appointments_told_of TO voxanne_api;

-- Purpose: a page of a clinic's appointments by start, from p_from to before p_until, after the last
-- one seen.
-- Guarantees: at most 201 rows; planned anew for the filters given, so that each finds its index.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_appointments(
  p_org_id uuid,
  p_from timestamptz DEFAULT NULL,
  p_until timestamptz DEFAULT NULL,
  p_statuses text[] DEFAULT '{confirmed,cancelled,completed,no_show}',
  p_practitioner_id uuid DEFAULT NULL,
  p_lead_id uuid DEFAULT NULL,
  p_after_at timestamptz DEFAULT NULL,
  p_after_id uuid DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(jsonb_agg(
      appointment_document(page.booked) ORDER BY (page.booked).scheduled_at, (page.booked).id), '[]')
    FROM (
      SELECT appointments AS booked FROM appointments
      WHERE org_id = p_org_id
        AND (p_from IS NULL OR scheduled_at >= p_from)
        AND (p_until IS NULL OR scheduled_at < p_until)
        AND (p_after_at IS NULL OR (scheduled_at, id) > (p_after_at, p_after_id))
        AND (p_practitioner_id IS NULL OR practitioner_id = p_practitioner_id)
        AND (p_lead_id IS NULL OR contact_id = p_lead_id)
        AND status = ANY (p_statuses)
      ORDER BY scheduled_at, id
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_appointments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_appointments TO voxanne_api;

-- Purpose: a page of those who wait, longest first, after the last one seen; with the time each is
-- offered now, if any.
-- Guarantees: at most 201 rows; planned anew for the filters given, so that each finds its index.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_waitlist(
  p_org_id uuid,
  p_statuses text[] DEFAULT '{waiting,offered}',
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
      to_jsonb(page) - 'org_id' || jsonb_build_object(
        'name', lead.name, 'phone', lead.phone,
        'offer', CASE WHEN held.id IS NOT NULL THEN jsonb_build_object(
          'hold_id', held.id, 'scheduled_at', held.scheduled_at, 'ends_at', held.ends_at,
          'expires_at', held.hold_expires_at, 'practitioner_id', held.practitioner_id) END)
      ORDER BY page.created_at, page.id), '[]')
    FROM (
      SELECT * FROM waitlist
      WHERE org_id = p_org_id
        AND status = ANY (p_statuses)
        AND (p_lead_id IS NULL OR contact_id = p_lead_id)
        AND (p_after_at IS NULL OR (created_at, id) > (p_after_at, p_after_id))
      ORDER BY created_at, id
      LIMIT least(p_limit, 201)
    ) AS page
    JOIN leads AS lead ON lead.org_id = p_org_id AND lead.id = page.contact_id
    LEFT JOIN appointments AS held
      ON held.org_id = p_org_id AND held.id = page.held_appointment_id));
END $$;
REVOKE ALL ON FUNCTION list_waitlist FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_waitlist TO voxanne_api;

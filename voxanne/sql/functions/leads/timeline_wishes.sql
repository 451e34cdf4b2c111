-- Purpose: what a timeline's people waited for, and the times they were offered.
CREATE FUNCTION timeline_wishes(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', 'waitlist_joined', 'state', page.status, 'waitlist_id', page.id, 'date_from', page.date_from,
    'date_to', page.date_to, 'call_id', page.call_id, 'service', coalesce(
      (SELECT name FROM services WHERE org_id = p_org_id AND services.key = page.service_type), page.service_type))
  FROM (
    SELECT waitlist.*, '4-wish-' || id AS sort_key FROM waitlist
    WHERE org_id = p_org_id AND contact_id = ANY (p_group)
      AND (created_at, '4-wish-' || id) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', 'waitlist_offered', 'state', page.status, 'waitlist_id', page.waitlist_id,
    'scheduled_at', page.scheduled_at, 'practitioner', (
      SELECT name FROM practitioners WHERE org_id = p_org_id AND id = page.practitioner_id AND NOT implicit))
  FROM (
    SELECT offer.*, held.status, '4-offer-' || offer.waitlist_id || '/' || offer.appointment_id AS sort_key
    FROM waitlist
    JOIN waitlist_offers AS offer ON offer.org_id = p_org_id AND offer.waitlist_id = waitlist.id
    LEFT JOIN appointments AS held ON held.org_id = p_org_id AND held.id = offer.appointment_id
    WHERE waitlist.org_id = p_org_id AND waitlist.contact_id = ANY (p_group)
      AND (offer.created_at, '4-offer-' || offer.waitlist_id || '/' || offer.appointment_id)
        < (p_before_at, p_before_key)
    ORDER BY offer.created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_wishes FROM PUBLIC;

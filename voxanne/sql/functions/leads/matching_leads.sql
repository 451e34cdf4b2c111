-- Purpose: those of p_leads (in their order) who fit a search; of one who was merged nothing, since the
--   kept lead is found by all the names, numbers and addresses of those merged into it.
-- p_name_parts: patterns of person_key's, all of which one name must have; p_phone_part, p_email_part: a
--   pattern; p_sources: where one of their appointments was booked. NULL: whatever it is.
CREATE FUNCTION matching_leads(
  p_org_id uuid, p_leads uuid[], p_name_parts text[], p_phone_part text, p_email_part text, p_tier text,
  p_upcoming boolean, p_no_shows boolean, p_sources text[], p_since timestamptz
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  RETURN ARRAY(
    SELECT lead.id
    FROM unnest(p_leads) WITH ORDINALITY AS asked (id, place)
    -- One by one, however few the planner believes there are.
    CROSS JOIN LATERAL (SELECT * FROM leads WHERE leads.org_id = p_org_id AND leads.id = asked.id OFFSET 0) AS lead
    WHERE lead.merged_into IS NULL
      AND (p_since IS NULL OR lead.created_at >= p_since)
      AND (p_name_parts IS NULL OR lead.person LIKE ALL (p_name_parts) OR EXISTS (
        SELECT FROM leads AS other
        WHERE other.org_id = p_org_id AND other.merged_into = lead.id AND other.person LIKE ALL (p_name_parts)))
      AND (p_phone_part IS NULL OR lead.phone LIKE p_phone_part OR EXISTS (
        SELECT FROM leads AS other
        WHERE other.org_id = p_org_id AND other.merged_into = lead.id AND other.phone LIKE p_phone_part))
      AND (p_email_part IS NULL OR lead.email LIKE p_email_part OR EXISTS (
        SELECT FROM leads AS other
        WHERE other.org_id = p_org_id AND other.merged_into = lead.id AND other.email LIKE p_email_part))
      AND (p_tier IS NULL OR EXISTS (
        SELECT FROM lead_scores WHERE org_id = p_org_id AND lead_id = lead.id AND tier = p_tier))
      AND (p_upcoming IS NULL AND p_no_shows IS NULL AND p_sources IS NULL OR (
        SELECT (p_upcoming IS NULL OR p_upcoming = coalesce(
                  bool_or(booked.status = 'confirmed' AND booked.scheduled_at > v_now), false))
           AND (p_no_shows IS NULL OR p_no_shows = coalesce(bool_or(booked.status = 'no_show'), false))
           AND (p_sources IS NULL OR coalesce(
                  bool_or(booked.status NOT IN ('held', 'expired') AND booked.source = ANY (p_sources)), false))
        FROM (SELECT lead.id
              UNION ALL
              SELECT id FROM leads AS other WHERE other.org_id = p_org_id AND other.merged_into = lead.id) AS member
        CROSS JOIN LATERAL (
          SELECT status, scheduled_at, source FROM appointments
          WHERE appointments.org_id = p_org_id AND contact_id = member.id OFFSET 0) AS booked))
    ORDER BY asked.place);
END $$;
REVOKE ALL ON FUNCTION matching_leads FROM PUBLIC;

-- Purpose: one of a clinic's people as a line of a list, with all who were merged into it.
CREATE FUNCTION lead_line(p_org_id uuid, p_lead_id uuid, p_moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_group uuid[] := lead_group(p_org_id, p_lead_id);
  v_diary record;
BEGIN
  SELECT
    (array_agg(appointments ORDER BY scheduled_at, id)
      FILTER (WHERE status = 'confirmed' AND scheduled_at > p_moment))[1] AS next,
    max(scheduled_at) FILTER (WHERE status IN ('confirmed', 'completed') AND scheduled_at <= p_moment) AS last_visit_at,
    count(*) FILTER (WHERE status = 'no_show') AS no_shows
  INTO v_diary
  FROM appointments WHERE org_id = p_org_id AND contact_id = ANY (v_group);
  RETURN (
    SELECT jsonb_build_object(
      'lead_id', lead.id, 'name', lead.name, 'phone', lead.phone, 'email', lead.email,
      'phone_verified', lead.phone_verified, 'created_at', lead.created_at, 'people', cardinality(v_group),
      'score', scored.score, 'tier', scored.tier, 'reasons', coalesce(scored.reasons, '[]'),
      'next', CASE WHEN (v_diary.next).id IS NOT NULL THEN appointment_line(v_diary.next) END,
      'last_visit_at', v_diary.last_visit_at, 'no_shows', v_diary.no_shows)
    FROM leads AS lead
    LEFT JOIN lead_scores AS scored ON scored.org_id = p_org_id AND scored.lead_id = lead.id
    WHERE lead.org_id = p_org_id AND lead.id = p_lead_id);
END $$;
REVOKE ALL ON FUNCTION lead_line FROM PUBLIC;

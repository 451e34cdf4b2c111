-- Purpose: a person as programs see one: with the score, where there is one yet.
CREATE FUNCTION lead_document(p_lead leads) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN to_jsonb(p_lead) - '{org_id,person}'::text[] || coalesce(
    (SELECT jsonb_build_object('score', score, 'tier', tier) FROM lead_scores
     WHERE org_id = p_lead.org_id AND lead_id = p_lead.id),
    '{"score": null, "tier": null}');
END $$;
REVOKE ALL ON FUNCTION lead_document FROM PUBLIC;

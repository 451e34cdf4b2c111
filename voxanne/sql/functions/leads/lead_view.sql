-- Purpose: all that a lead's page shows but its timeline: details, history, who has to do with it, consent,
--   score, wishes, and the appointments that a split could take away (the newest 100).
-- Outcomes: {"success", "lead", …}; of a merged one {"success", "merged_into"}; or NOT_FOUND.
CREATE FUNCTION lead_view(p_org_id uuid, p_lead_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_appointments_max constant integer := 100;
  v_lead leads;
  v_group uuid[];
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_lead FROM leads WHERE org_id = p_org_id AND id = p_lead_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_lead.merged_into IS NOT NULL THEN
    RETURN json_build_object('success', true, 'merged_into', v_lead.merged_into);
  END IF;
  v_group := lead_group(p_org_id, p_lead_id);
  RETURN jsonb_build_object(
    'success', true, 'merged_into', NULL,
    'lead', to_jsonb(v_lead) - '{org_id,person}'::text[],
    'first_seen_at', (SELECT min(created_at) FROM leads WHERE org_id = p_org_id AND id = ANY (v_group)),
    'history', lead_history(p_org_id, v_group, v_now),
    'relations', lead_relations(p_org_id, v_group),
    'consent', lead_consent(p_org_id, v_lead.phone),
    'language', (
      SELECT (array_agg(language ORDER BY started_at DESC) FILTER (WHERE language IS NOT NULL))[1]
      FROM calls WHERE org_id = p_org_id AND lead_id = ANY (v_group)),
    'call_source', (
      SELECT (array_agg(source ORDER BY started_at))[1]
      FROM calls WHERE org_id = p_org_id AND lead_id = ANY (v_group)),
    'score', (
      SELECT to_jsonb(scored) - '{org_id,lead_id}'::text[] FROM lead_scores AS scored
      WHERE org_id = p_org_id AND lead_id = p_lead_id),
    'waitlist', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'waitlist_id', wish.id, 'status', wish.status, 'service', coalesce(services.name, service_type),
        'date_from', date_from, 'date_to', date_to, 'version', wish.version) ORDER BY wish.created_at, wish.id), '[]')
      FROM (SELECT * FROM waitlist WHERE org_id = p_org_id AND contact_id = ANY (v_group) OFFSET 0) AS wish
      LEFT JOIN services ON services.org_id = p_org_id AND services.key = service_type
      WHERE wish.status IN ('waiting', 'offered')),
    'appointments', (
      SELECT coalesce(jsonb_agg(
        appointment_line(page.booked) ORDER BY (page.booked).scheduled_at DESC, (page.booked).id DESC), '[]')
      FROM (
        SELECT booked
        FROM (
          SELECT appointments AS booked FROM appointments
          WHERE org_id = p_org_id AND contact_id = ANY (v_group) AND status NOT IN ('held', 'expired')
          OFFSET 0   -- or they would be looked for among everybody's, in the order of time
        ) AS own
        ORDER BY (booked).scheduled_at DESC, (booked).id DESC LIMIT c_appointments_max) AS page));
END $$;
REVOKE ALL ON FUNCTION lead_view FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lead_view TO voxanne_api;
